"""The gateway process, as it runs beside a machine: no database server, no web framework, no chain client."""

import asyncio
from pathlib import Path

from bootstrap.files import read_object
from bootstrap.system import unix_ms
from shopfloor.gateway.config import GatewayConfig
from shopfloor.gateway.service import run
from shopfloor.gateway.signing import GatewayKey
from shopfloor.protocols.opcua_session import OpcuaSettings


def load_config(path: Path) -> GatewayConfig:
    """Read a gateway's JSON file; paths in it are relative to its folder. Raises ValueError."""
    raw = read_object(path)
    try:
        return GatewayConfig(
            gateway_id=raw["gateway_id"],
            secret=raw["secret"],
            key=GatewayKey.from_keystore(path.parent / raw["keystore"], raw["keystore_password"]),
            backend_url=raw["backend_url"],
            machine=OpcuaSettings(**raw["machine"]),
            spool_path=path.parent / raw["spool"],
            inspection_url=raw.get("inspection_url"),
        )
    except KeyError as error:
        raise ValueError(f"{path} is not a gateway's configuration: {error.args[0]} is missing") from error
    except (TypeError, ValueError, OSError) as error:
        raise ValueError(f"{path} is not a gateway's configuration: {error}") from error


async def run_gateway(path: Path, stop: asyncio.Event) -> None:
    """Work until told to stop. Raises ValueError for a bad configuration."""
    await run(load_config(path), unix_ms, stop)
