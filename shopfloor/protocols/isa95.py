"""The words of ISA-95 job control as OPC 10031-4 spells them: job orders, states, ReturnStatus.

A job order crosses OPC UA as one JSON string with the field names of `ISA95JobOrderDataType`. The nodeset files
have no licence that lets us ship them, and JSON in a String needs none of their type definitions; a client for
a server with the real structures replaces only `protocols/opcua.py`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from shopfloor.strict_json import JsonRefused, as_array, as_int, as_object, as_text, loads

NAMESPACE_URI = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
MAX_JOB_TEXT = 16_384  # a job order is a page, never a file
MAX_LIST_TEXT = 1_000_000  # the server's message limit

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_OPERATION = re.compile(r"[a-z][a-z0-9_]{0,31}")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_HASH = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")
_SWITCHED_OFF = frozenset({"", "0", "no", "none", "false", "without"})


class JobState(IntEnum):
    """StateNumber of OPC 10031-4."""

    NOT_ALLOWED_TO_START = 1
    ALLOWED_TO_START = 2
    RUNNING = 3
    INTERRUPTED = 4
    ENDED = 5
    ABORTED = 6


class JobResult(IntEnum):
    """JobResult of Machinery Jobs (40001-3)."""

    UNKNOWN = 0
    SUCCESSFUL = 1
    UNSUCCESSFUL = 2


class ExecutionMode(IntEnum):
    """JobExecutionMode of Machinery Jobs (40001-3); only PRODUCTION releases money outside a demo."""

    SIMULATION = 0
    TEST = 1
    PRODUCTION = 2


@dataclass(frozen=True, slots=True)
class ReturnStatus:
    """The UInt64 bit map of OPC 10031-4 B.2: bit 0 set means no error, so success is 1 and never 0."""

    bits: int

    SUCCESS = 1 << 0
    UNKNOWN_ID = 1 << 1
    INVALID_STATUS = 1 << 3
    CANNOT_ACCEPT = 1 << 4
    INVALID_REQUEST = 1 << 32

    @property
    def accepted(self) -> bool:
        """True when bit 0 alone is set."""
        return self.bits == self.SUCCESS

    @property
    def reason(self) -> str:
        """The refusal in words."""
        names = {
            self.UNKNOWN_ID: "unknown job order",
            self.INVALID_STATUS: "invalid job order status",
            self.CANNOT_ACCEPT: "cannot accept the job order",
            self.INVALID_REQUEST: "invalid request",
        }
        said = [words for bit, words in names.items() if self.bits & bit]
        return ", ".join(said) or ("accepted" if self.accepted else "refused without a reason")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One entry of JobOrderParameters; `value` is a decimal or a word, as text."""

    id: str
    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class JobOrder:
    """What a machine is told to do, and for which agreement.

    `agreement` and `spec` are 0x-prefixed 32-byte hashes, `factory` and `chain_id` name the EIP-712 domain.
    """

    job_id: str
    order_id: str
    agreement: str
    spec: str
    operation: str
    quantity: int
    parameters: tuple[Parameter, ...]
    chain_id: int
    factory: str

    def parameter(self, name: str) -> str | None:
        """The value of the parameter `name`, or None."""
        return next((p.value for p in self.parameters if p.id == name), None)

    def asks(self, name: str) -> bool:
        """True unless the option `name` is absent or says none, without, no, false or 0."""
        value = self.parameter(name)
        return value is not None and value.strip().lower() not in _SWITCHED_OFF

    @property
    def content_hash(self) -> str:
        """SHA-256 over all fields: same id and same content is the same job."""
        return hashlib.sha256(self.dumps().encode()).hexdigest()

    def to_wire(self) -> dict[str, Any]:
        """The JOB object of the gateway's HTTP interface."""
        return {
            "job_id": self.job_id,
            "order_id": self.order_id,
            "agreement": self.agreement,
            "spec": self.spec,
            "operation": self.operation,
            "quantity": self.quantity,
            "parameters": [{"id": p.id, "value": p.value, "unit": p.unit} for p in self.parameters],
            "chain_id": self.chain_id,
            "factory": self.factory,
        }

    @classmethod
    def from_wire(cls, value: object) -> "JobOrder":
        """Read the JOB object. Raises JsonRefused naming the field."""
        raw = as_object(value, "job")
        parameters = tuple(
            _parameter(entry, "id", "value", "unit")
            for entry in as_array(raw.get("parameters", []), "parameters", limit=64)
        )
        if len({p.id for p in parameters}) != len(parameters):
            raise JsonRefused("parameters: an id appears twice")
        return cls(
            job_id=as_text(raw.get("job_id"), "job_id", pattern=_ID),
            order_id=as_text(raw.get("order_id"), "order_id", pattern=_ID),
            agreement=_lower(raw.get("agreement"), "agreement", _HASH),
            spec=_lower(raw.get("spec"), "spec", _HASH),
            operation=as_text(raw.get("operation"), "operation", pattern=_OPERATION),
            quantity=as_int(raw.get("quantity"), "quantity", 1, 1_000_000),
            parameters=parameters,
            chain_id=as_int(raw.get("chain_id"), "chain_id", 1, 2**53 - 1),
            factory=_lower(raw.get("factory"), "factory", _ADDRESS),
        )

    def to_isa95(self) -> dict[str, Any]:
        """The fields of ISA95JobOrderDataType; what belongs to the agreement travels as parameters."""
        own = {
            "order_id": self.order_id,
            "agreement": self.agreement,
            "spec_hash": self.spec,
            "chain_id": str(self.chain_id),
            "factory": self.factory,
        }
        return {
            "JobOrderID": self.job_id,
            "WorkMasterID": [{"ID": self.operation}],
            "MaterialRequirements": [{"MaterialDefinitionID": self.operation, "Quantity": str(self.quantity)}],
            "JobOrderParameters": [
                *({"ID": p.id, "Value": p.value, "EngineeringUnits": p.unit} for p in self.parameters),
                *({"ID": f"agreement.{k}", "Value": v, "EngineeringUnits": ""} for k, v in own.items()),
            ],
        }

    @classmethod
    def from_isa95(cls, value: object) -> "JobOrder":
        """Read what `to_isa95` wrote. Raises JsonRefused."""
        raw = as_object(value, "JobOrder")
        listed = as_array(raw.get("JobOrderParameters", []), "JobOrderParameters", limit=96)
        parameters = [_parameter(entry, "ID", "Value", "EngineeringUnits") for entry in listed]
        own = {p.id.removeprefix("agreement."): p.value for p in parameters if p.id.startswith("agreement.")}
        materials = as_array(raw.get("MaterialRequirements", []), "MaterialRequirements", limit=1)
        masters = as_array(raw.get("WorkMasterID", []), "WorkMasterID", limit=1)
        if not materials or not masters:
            raise JsonRefused("JobOrder: one WorkMasterID and one MaterialRequirement are needed")
        quantity = as_text(as_object(materials[0], "MaterialRequirements").get("Quantity"), "Quantity", limit=16)
        chain_id = own.get("chain_id", "")
        return cls.from_wire(
            {
                "job_id": raw.get("JobOrderID"),
                "order_id": own.get("order_id"),
                "agreement": own.get("agreement"),
                "spec": own.get("spec_hash"),
                "operation": as_object(masters[0], "WorkMasterID").get("ID"),
                "quantity": _digits(quantity),
                "parameters": [
                    {"id": p.id, "value": p.value, "unit": p.unit}
                    for p in parameters
                    if not p.id.startswith("agreement.")
                ],
                "chain_id": _digits(chain_id),
                "factory": own.get("factory"),
            }
        )

    def dumps(self) -> str:
        """The job order as the JSON string that StoreAndStart takes: same content, same text."""
        return json.dumps(self.to_isa95(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> "JobOrder":
        """Read the argument of StoreAndStart. Raises JsonRefused."""
        return cls.from_isa95(loads(text, limit=MAX_JOB_TEXT))


def _digits(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise JsonRefused("a whole number is needed")
    return int(text)


def _lower(value: object, field: str, pattern: re.Pattern[str]) -> str:
    # Addresses arrive with an EIP-55 checksum as often as without; evidence knows one spelling.
    return as_text(value.lower() if isinstance(value, str) else value, field, pattern=pattern)


def _parameter(entry: Any, id_key: str, value_key: str, unit_key: str) -> Parameter:
    raw: Mapping[str, Any] = as_object(entry, "parameters")
    return Parameter(
        id=as_text(raw.get(id_key), id_key, pattern=_PARAMETER),
        value=as_text(raw.get(value_key), value_key),
        unit=as_text(raw.get(unit_key, ""), unit_key, limit=32),
    )
