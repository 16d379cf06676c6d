"""Sets the stage: the processes of one embedded marketplace and the files that configure the ones at other places."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from bootstrap.demo.actors import AMP, BACKUP_SCRYPT_N, MANUFACTURER, Actor
from bootstrap.demo.supervisor import Supervisor, free_port
from bootstrap.deploy import deploy_development
from bootstrap.files import read_object, write_private
from bootstrap.settings import Settings
from contracts.deployer import AddressBook
from contracts.signers import LocalSigner, encrypt_key
from mobile_api.client.models.gateways import GatewayCreate

HOST = "127.0.0.1"
SPEED = 60
"""How much faster than life the simulated machines work: forty pieces in a few seconds."""
Say = Callable[[str, str], None]
CELLS = {MANUFACTURER.name: "MF", AMP.name: "AMP"}
GATEWAY_USER = "gateway"


@dataclass(frozen=True, slots=True)
class Ports:
    """One port for each server."""

    api: int
    registry: int
    chain: int
    factory: int
    push: int
    amp_station: int
    mf_station: int

    @classmethod
    def free(cls, api: int) -> "Ports":
        """Ports that nobody has; `api` 0 takes any."""
        return cls(api or free_port(), *(free_port() for _ in range(6)))


@dataclass(frozen=True, slots=True)
class Stage:
    """The running marketplace; the chain answers at `chain_url`."""

    folder: Path
    ports: Ports
    book: AddressBook
    chain_url: str

    @property
    def api_url(self) -> str:
        """Where the app and its interface are."""
        return f"http://{HOST}:{self.ports.api}"

    @property
    def push_url(self) -> str:
        """Where the push service is."""
        return f"http://{HOST}:{self.ports.push}"


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the platform: what follows `lotsizeone`, and what it finds in its environment."""

    arguments: list[str]
    environment: dict[str, str]


def programs(folder: Path, ports: Ports, chain_url: str = "", workers: int = 1) -> dict[str, Program]:
    """The platform's processes by name, the ones that everybody waits for first.

    With a `chain_url` there is a chain already, and no devchain among them. Database and broker are those of the
    environment, which every process inherits.
    """
    data = ["--data", str(folder)]
    settings = {
        "CHAIN_URL": chain_url or f"http://{HOST}:{ports.chain}",
        "REGISTRY_URL": f"http://{HOST}:{ports.registry}",
        "PUSH_ORIGINS": f"http://{HOST}:{ports.push}",
        # A story of a minute has windows of seconds; the length of each is in the terms that people sign.
        "CONTEST_WINDOW_S": "2",
        "ACCEPT_WINDOW_S": "3600",
        "SEARCH_RETRY_S": "1",
        # Its passwords guard play money, and the machines that would hash them are busy with the story.
        "ARGON2_MEMORY_KIB": "8192",
        "ARGON2_PASSES": "1",
        "START_PATIENCE_S": "60",
        "METRICS_PORT": "",  # one of the environment could be had by one process only
    }
    devchain = {"devchain": Program(["devchain", *data, "--port", str(ports.chain)], {})}
    return ({} if chain_url else devchain) | {
        "api": Program(["api", *data, "--port", str(ports.api)], settings),
        **{name: Program(["worker", *data], settings) for name in names_of_workers(workers)},
        "registry": Program(["registry", *data, "--port", str(ports.registry)], {}),
        "push-receiver": Program(["push-receiver", "--port", str(ports.push)], {}),
        "factory": Program(["factory", "--config", str(_factory_file(folder, ports))], {}),
    }


def names_of_workers(count: int) -> list[str]:
    """The first one is "worker"."""
    return ["worker", *(f"worker-{number}" for number in range(2, count + 1))]


def say_nothing(_who: str, _what: str) -> None:
    """Tells nobody."""


async def set_stage(
    folder: Path,
    ports: Ports,
    supervisor: Supervisor,
    say: Say = say_nothing,
    *,
    without: frozenset[str] = frozenset(),
    chain_url: str = "",
    workers: int = 1,
) -> Stage:
    """Start the platform's processes, except those in `without`, deploy the contracts and wait for the API.

    The contracts go to the chain behind `chain_url`, which must be for development, or to a devchain of our own.

    Raises NotReady. What is needed later may still be starting: `all_listening` waits for it.
    """
    wanted = programs(folder, ports, chain_url, workers)
    platform = {name: program for name, program in wanted.items() if name not in without}
    say("stage", f"starting {len(platform)} processes: {', '.join(platform)}")
    for name, program in platform.items():
        supervisor.start(name, program.arguments, program.environment)
    if not chain_url:
        chain_url = f"http://{HOST}:{ports.chain}"
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        await supervisor.ready("devchain", chain_url, method="POST", body=call)
    # API and worker load meanwhile and wait for the address book.
    book = await deploy_development(Settings(data_dir=folder, chain_url=chain_url))
    say("stage", f"contracts are on chain {book.chain_id}, factory {book.factory}")
    stage = Stage(folder, ports, book, chain_url)
    await supervisor.ready("api", f"{stage.api_url}/livez")
    say("stage", f"the app answers at {stage.api_url}")
    return stage


async def all_listening(stage: Stage, supervisor: Supervisor) -> None:
    """Wait for the servers that the story needs later than the API. Raises NotReady."""
    await asyncio.gather(
        supervisor.listening("registry", stage.ports.registry),
        supervisor.ready("push-receiver", f"{stage.push_url}/health"),
        supervisor.listening("factory", stage.ports.factory),
    )


def _factory_file(folder: Path, ports: Ports) -> Path:
    path = folder / "factory.json"
    known = read_object(path) if path.exists() else {"passwords": {GATEWAY_USER: secrets.token_urlsafe(18)}}
    known |= {
        "opcua_port": ports.factory,
        "station_ports": {"AMP": ports.amp_station, "MF": ports.mf_station},
        "speed": SPEED,
    }
    write_private(path, known)
    return path


async def start_gateway(stage: Stage, supervisor: Supervisor, owner: Actor) -> None:
    """Register the owner's gateway, once, and start it beside the owner's cell."""
    name = owner.role.name
    home = stage.folder / "gateways" / name
    path = home / "gateway.json"
    if path.exists():
        known = read_object(path)
    else:
        key, password = secrets.token_bytes(32), secrets.token_urlsafe(18)
        write_private(home / "evidence-key.json", encrypt_key(key, password, iterations=BACKUP_SCRYPT_N))
        body: GatewayCreate = {"name": f"Gateway of {owner.name}", "address": LocalSigner(key).address.lower()}
        registered = await owner.api.register_gateway(body)
        known = {
            "gateway_id": registered["id"],
            "secret": registered["secret"],
            "keystore": "evidence-key.json",
            "keystore_password": password,
            "spool": "spool.db",
        }
    cell = CELLS[name]
    station = stage.ports.mf_station if cell == "MF" else stage.ports.amp_station
    known |= {
        "backend_url": stage.api_url,
        "machine": {
            "url": f"opc.tcp://{HOST}:{stage.ports.factory}",
            "user": GATEWAY_USER,
            "password": read_object(stage.folder / "factory.json")["passwords"][GATEWAY_USER],
            "cell": cell,
        },
        "inspection_url": f"socket://{HOST}:{station}",
    }
    write_private(path, known)
    supervisor.start(f"gateway-{name}", ["gateway", "--config", str(path)])


def start_signer(stage: Stage, supervisor: Supervisor, owner: Actor) -> None:
    """Start the organisation's own signer, with its keystore and its limits; its gateway must be registered before."""
    name = owner.role.name
    evidence_key = stage.folder / "gateways" / name / "evidence-key.json"
    backup = owner.back_up(stage.folder / "keys")
    path = stage.folder / "signers" / f"{name}.json"
    write_private(
        path,
        {
            "api_url": stage.api_url,
            "email": owner.role.email,
            "password": owner.password,
            "keystore": f"../keys/{backup.name}",
            "keystore_password": owner.password,
            "limits": {
                "chain_id": stage.book.chain_id,
                "factory": stage.book.factory,
                "token": stage.book.test_euro,
                "gateway": f"0x{read_object(evidence_key)['address']}" if evidence_key.exists() else None,
                "most_paid_minor": 50_000,
                "most_received_minor": 500_000,
                "acceptances": True,
            },
        },
    )
    supervisor.start(f"signer-{name}", ["signer", "--config", str(path)])


async def subscribe_to_push(stage: Stage, customer: Actor) -> str:
    """Subscribe the customer's device at the push service; returns the subscription's endpoint."""
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
        answer = await http.post(f"{stage.push_url}/subscribe", json={})
        answer.raise_for_status()
    subscription = answer.json()
    await customer.api.add_subscription(
        {"kind": "web_push", "endpoint": subscription["endpoint"], "keys": subscription["keys"]}
    )
    return str(subscription["endpoint"])
