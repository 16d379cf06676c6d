"""A gateway with its machine: says what it does, signs batches with its own key, uploads what is not acknowledged."""

import json
from typing import Any

import httpx

from bootstrap.demo.actors import Actor
from bootstrap.system import unix_ms
from shopfloor.gateway.signing import Domain, GatewayKey
from tests.shopfloor.ingesting import Machine

AT_ONCE = 100
"""Jobs in one upload: the interface takes a thousand records."""
FINISH_CODE = "finish_code"
OPERATION_FINISHED = "300"


class FloorGateway:
    """One organisation's gateway. It takes each command once and uploads until everything is acknowledged."""

    def __init__(self, owner: Actor, key: bytes) -> None:
        self.owner = owner
        self.machine = Machine(GatewayKey(key), epoch=key[:4].hex())
        self.id = ""
        self._secret = ""
        self._token = ""
        self._taken = 0
        self._acknowledged = 0

    async def join(self) -> None:
        """Register at the platform."""
        body = {"name": f"cell of {self.owner.role.name}", "address": self.machine.key.address}
        made = await self.owner.call("POST", "/v1/gateways", body)
        self.id, self._secret = made["id"], made["secret"]

    def take(self, command_id: int, job: dict[str, Any]) -> None:
        """Work a job off, at once: accepted, started, a step, finished with the code that the job asks for."""
        if command_id <= self._taken:
            return
        self._taken = command_id
        shared = {"job": job["job_id"], "agreement": job["agreement"], "spec": job["spec"], "order": job["order_id"]}
        finish = next(item["value"] for item in job["parameters"] if item["id"] == FINISH_CODE)
        say, now = self.machine.say, unix_ms()
        say("job_accepted", at=now, **shared)
        say("production_started", at=now, **shared)
        say("operation_finished", at=now, value={"step": "drilling", "index": "1", "of": "2"}, **shared)
        if finish == OPERATION_FINISHED:
            say("operation_finished", at=now, value={"step": job["operation"], "final": "true"}, **shared)
        else:
            say("production_finished", at=now, value={"quantity": str(job["quantity"])}, **shared)
        self.machine.close(domain=Domain(int(job["chain_id"]), job["factory"]))

    @property
    def owes(self) -> bool:
        """Whether something is not acknowledged yet."""
        return self._acknowledged < len(self.machine.events)

    async def upload(self, times: int = 1) -> None:
        """Send what is not acknowledged, so many times over. Raises httpx.TransportError, RuntimeError."""
        batches = [batch for batch in self.machine.batches if batch["last"] > self._acknowledged][:AT_ONCE]
        first, last = batches[0]["first"], batches[-1]["last"]
        body = self.machine.upload(batches=batches)
        body["records"] = [record for record in body["records"] if first <= record["seq"] <= last]
        for _ in range(times):
            answer = await self._post(json.dumps(body).encode())
            self._acknowledged = max(self._acknowledged, int(answer["ack"]["s"]))

    async def _post(self, content: bytes) -> dict[str, Any]:
        http = self.owner.http
        if not self._token:
            asked = await http.post("/v1/gateway/token", auth=httpx.BasicAuth(self.id, self._secret))
            asked.raise_for_status()
            self._token = asked.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        answer = await http.post("/v1/ingest", content=content, headers=headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._token = ""
        if not answer.is_success:
            raise RuntimeError(f"ingest: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found
