"""The database of one process."""

from marketplace.persistence.effects import ParkedEffects
from marketplace.persistence.engines import LOCK_TIMEOUT_S, open_engines
from marketplace.persistence.migrate import migrate
from marketplace.persistence.stores import SqlChainTransactions, SqlGatewayCommands
from marketplace.persistence.unit_of_work import SqlUnitOfWork


class Database:
    """`sqlite:///file` or `postgresql+psycopg://user@host/name`. Connects when it is first used."""

    def __init__(self, url: str, lock_timeout_s: int = LOCK_TIMEOUT_S) -> None:
        """Raises UnknownDatabase (a ValueError) for any other URL."""
        self._engines = open_engines(url, lock_timeout_s)

    async def migrate(self) -> None:
        """Bring the tables up to date. Safe where several processes start at once."""
        await migrate(self._engines)

    def unit_of_work(self) -> SqlUnitOfWork:
        """Opens the transactions of use cases."""
        return SqlUnitOfWork(self._engines)

    def chain_transactions(self) -> SqlChainTransactions:
        """What the chain's sender remembers. Each call is a transaction of its own: never call it inside another."""
        return SqlChainTransactions(self._engines)

    def gateway_commands(self) -> SqlGatewayCommands:
        """The gateways' command queues. Each call is a transaction of its own."""
        return SqlGatewayCommands(self._engines)

    def parked_effects(self) -> ParkedEffects:
        """What the relay set aside, for an operator."""
        return ParkedEffects(self._engines)

    async def close(self) -> None:
        """Close every connection."""
        await self._engines.dispose()
