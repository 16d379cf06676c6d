"""The database of one process."""

from marketplace.persistence.duties import Duty, open_duty
from marketplace.persistence.effects import Effects
from marketplace.persistence.engines import LOCK_TIMEOUT_S, open_engines
from marketplace.persistence.failures import translated
from marketplace.persistence.figures import SqlFigures
from marketplace.persistence.log_records import SqlLogRecords
from marketplace.persistence.migrate import is_current, upgrade
from marketplace.persistence.offer_catalogue import SqlOfferCatalogue
from marketplace.persistence.stores import SqlChainTransactions, SqlGatewayCommands
from marketplace.persistence.unit_of_work import Announce, SqlUnitOfWork


class NotCurrent(ValueError):
    """The tables are not there, or are another version's; the text says what to do."""


class Database:
    """`sqlite:///file` or `postgresql+psycopg://user@host/name`. Connects when it is first used."""

    def __init__(
        self, url: str, lock_timeout_s: int = LOCK_TIMEOUT_S, *, transaction_timeout_s: float | None = None
    ) -> None:
        """Raises UnknownDatabase (a ValueError) for any other URL. For the timeouts see `open_engines`."""
        self._url = url
        self._engines = open_engines(url, lock_timeout_s, transaction_timeout_s=transaction_timeout_s)

    async def migrate(self) -> None:
        """Bring the tables up to date, however long that takes. Safe where several processes start at once."""
        await upgrade(self._url)

    async def is_current(self) -> bool:
        """Whether the tables are there, and those of this version. Raises StoreUnavailable."""
        with translated():
            return await is_current(self._engines)

    async def require_current(self) -> None:
        """Raises NotCurrent unless the tables are those of this version, and StoreUnavailable."""
        if not await self.is_current():
            raise NotCurrent(
                "the database has not this version's tables: start `lotsizeone worker` once, or look at --data"
            )

    def unit_of_work(self, announce: Announce | None = None) -> SqlUnitOfWork:
        """Opens the transactions of use cases; `announce` is told of the effects that each one added."""
        return SqlUnitOfWork(self._engines, announce)

    def chain_transactions(self) -> SqlChainTransactions:
        """What the chain's sender remembers. Each call is a transaction of its own: never call it inside another."""
        return SqlChainTransactions(self._engines)

    def gateway_commands(self) -> SqlGatewayCommands:
        """The gateways' command queues. Each call is a transaction of its own."""
        return SqlGatewayCommands(self._engines)

    def offer_catalogue(self) -> SqlOfferCatalogue:
        """What our own registry serves. Each call is a transaction of its own."""
        return SqlOfferCatalogue(self._engines)

    def effects(self) -> Effects:
        """The outbox as an operator sees it. Each call is a transaction of its own."""
        return Effects(self._engines)

    def log_records(self) -> SqlLogRecords:
        """The log. Each call is a transaction of its own."""
        return SqlLogRecords(self._engines)

    def duty(self, name: str) -> Duty:
        """A hold on what one process at a time does for all."""
        return open_duty(self._engines, name)

    def figures(self) -> SqlFigures:
        """Counts for a monitor."""
        return SqlFigures(self._engines)

    async def close(self) -> None:
        """Close every connection."""
        await self._engines.dispose()
