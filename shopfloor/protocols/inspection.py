"""The functional-test station: results as frames of `serial_line`, pushed once and repeated when asked.

`RESULT;<job>;<checked>;<defects>;PASS|FAIL` is a result, `READ;<job>` asks for it again, `NONE;<job>` says that
there is none yet. Asking makes a gateway that restarted in between independent of what it overheard.
"""

import re
import time
from dataclasses import dataclass

from shopfloor.protocols.serial_line import FrameCorrupt, FrameTooLong, LineError, LineTimeout, SerialLine

_RESULT = re.compile(r"RESULT;([A-Za-z0-9][A-Za-z0-9._:-]{0,63});(\d{1,7});(\d{1,7});(PASS|FAIL)")
_RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class InspectionResult:
    """What the station found: `defects` of `checked` pieces; passed only if there were none."""

    job_id: str
    checked: int
    defects: int

    @property
    def passed(self) -> bool:
        """True when pieces were checked and none was defective."""
        return self.checked > 0 and self.defects == 0

    def payload(self) -> str:
        """The frame's payload."""
        verdict = "PASS" if self.passed else "FAIL"
        return f"RESULT;{self.job_id};{self.checked};{self.defects};{verdict}"


def parse_result(payload: str) -> InspectionResult | None:
    """Read a result, or None when the frame is another one. Raises FrameCorrupt when it contradicts itself."""
    match = _RESULT.fullmatch(payload)
    if match is None:
        return None
    result = InspectionResult(match[1], int(match[2]), int(match[3]))
    if result.passed != (match[4] == "PASS") or result.defects > result.checked:
        raise FrameCorrupt("the verdict contradicts the count")
    return result


def ask_result(url: str, job_id: str, deadline_s: float) -> InspectionResult:
    """Open the line, ask for `job_id` until the station has it, close. Blocking. Raises LineError.

    Corrupt frames are asked for again; only a frame whose CRC, form and job match counts.
    """
    until = time.monotonic() + deadline_s
    with SerialLine(url) as line:
        while time.monotonic() < until:
            line.write_frame(f"READ;{job_id}")
            again = min(until, time.monotonic() + _RETRY_S)
            while (left := again - time.monotonic()) > 0:
                try:
                    result = parse_result(line.read_frame(left))
                except (FrameCorrupt, FrameTooLong, LineTimeout):
                    continue
                if result is not None and result.job_id == job_id:
                    return result
    raise LineTimeout("the station has no result for this job")


__all__ = ["InspectionResult", "LineError", "ask_result", "parse_result"]
