"""The devchain process."""

from bootstrap.deploy import address_of
from bootstrap.secrets_store import platform_keys
from bootstrap.settings import Settings, SettingsRefused
from bootstrap.system import unix_time
from contracts.devchain import serve

GAS_MONEY_WEI = 10_000 * 10**18


def run_devchain(settings: Settings, host: str, port: int) -> None:
    """Serve until told to stop. Raises SettingsRefused outside development."""
    if not settings.development:
        raise SettingsRefused("the devchain is for development: set CHAIN_URL to a node of your chain")
    keys = platform_keys(settings.data_dir)
    rich = {address_of(key): GAS_MONEY_WEI for key in (keys.deployer, keys.relayer)}
    serve(settings.data_dir / "chain", clock=unix_time, host=host, port=port, genesis_accounts=rich)
