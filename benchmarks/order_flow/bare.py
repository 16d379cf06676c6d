"""The same request served barely: FastAPI reads the body, SQLAlchemy inserts two rows in one transaction, no more.

Driver, pool, pragmas and server settings are the product's own. Nobody signs in, nothing is checked but types, and a
second request with the same key would be a second order.
"""

import argparse
import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import JSON, Column, Date, DateTime, Integer, MetaData, String, Table, insert

from marketplace.persistence.engines import open_engines

_METADATA = MetaData()
ORDERS = Table(
    "bare_orders",
    _METADATA,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("product_id", String, nullable=False),
    Column("configuration", JSON, nullable=False),
    Column("deliver_by", Date, nullable=False),
    Column("payer_address", String, nullable=False),
    Column("handover_hash", String, nullable=False),
    Column("client_reference", String, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
)
OUTBOX = Table(
    "bare_outbox",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("order_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("due", DateTime(timezone=True), nullable=False),
)


class OrderCreate(BaseModel):
    """The product's body."""

    product_id: str
    configuration: dict[str, Any]
    deliver_by: date
    payer_address: str
    handover_hash: str
    client_reference: str


class Order(BaseModel):
    """What is answered."""

    id: str
    status: str
    placed_at: datetime


def create_app(database_url: str) -> FastAPI:
    """The app; its two tables are made when it starts."""
    engines = open_engines(database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engines.write.begin() as connection:
            await connection.run_sync(_METADATA.create_all)
        yield
        await engines.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/orders", status_code=201)
    async def place(body: OrderCreate) -> Order:
        now, order_id = datetime.now(UTC), f"ord_{uuid.uuid4().hex}"
        async with engines.write.begin() as connection:
            row = {**body.model_dump(), "id": order_id, "status": "placed", "placed_at": now}
            await connection.execute(insert(ORDERS), row)
            await connection.execute(insert(OUTBOX), {"order_id": order_id, "kind": "find_suppliers", "due": now})
        return Order(id=order_id, status="placed", placed_at=now)

    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="benchmarks.order_flow.bare")
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    app = create_app(given.database_url)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=given.port, log_config=None, access_log=False, server_header=False
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
