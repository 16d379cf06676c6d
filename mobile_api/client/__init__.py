"""The interface for programs of others: a method for each operation, a type for each body.

    async with httpx.AsyncClient(base_url="https://marketplace.example.com") as http:
        api = Client(http)
        api.token = (await api.sign_in(basic=("ana@example.org", "…")))["access_token"]
        async for order in api.all_orders():
            print(order["title"])

`models`, `operations` and `whole` are generated from docs/openapi.json: `python -m mobile_api.client_generator`.
"""

from mobile_api.client.problems import ApiError, NotChanged, Problem
from mobile_api.client.transport import etag_of
from mobile_api.client.whole import Client

__all__ = ["ApiError", "Client", "NotChanged", "Problem", "etag_of"]
