"""The first witness: `lotsizeone doctor`, as an operator runs it."""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.faults.house import House

LONGEST_S = 300.0
SOUND, FOUND = 0, 1


async def ask_doctor(house: House) -> list[str]:
    """Its findings as lines; that it could not look is one too."""
    settings = house.settings
    environment = {
        "DATABASE_URL": house.database_url,
        "CHAIN_URL": house.chain_url,
        "CONFIRMATIONS": str(settings["confirmations"]),
    }
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "bootstrap", "doctor", "--json", "--data", settings["data_dir"]],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
    )
    said, complained = await asyncio.wait_for(process.communicate(), LONGEST_S)
    if process.returncode not in (SOUND, FOUND):
        return [f"the doctor could not look: {complained.decode(errors='replace')[-400:]}"]
    (house.folder / "doctor.json").write_bytes(said)
    report = json.loads(said)
    return [f"doctor, {one['check']}: {one['what']} (order {one['order']})" for one in report["findings"]]
