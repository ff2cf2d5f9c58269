"""Amazon SQS, or what speaks like it; keys, region and endpoint are found where every AWS program finds them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from audio_batch.events.addresses import Address
from audio_batch.events.broker import Burial, Delivery
from audio_batch.events.errors import BrokerError

_VISIBILITY_SECONDS = 120.0
_LONGEST_DELAY = 43200
_MOST = 10
_SECONDS = 20


class _Queue:
    """One queue, spoken to in threads: boto3 waits for each answer."""

    def __init__(self, address: Address, name: str, connections: int) -> None:
        self._address, self.name = address, name
        self._connections = connections
        self._client: Any = None
        self.url = ""

    @property
    def is_fifo(self) -> bool:
        return self.name.endswith(".fifo")

    def open(self, url: str | None = None) -> None:
        options = self._address.options
        with _reported(self.name):
            config = Config(
                connect_timeout=_SECONDS, read_timeout=2 * _SECONDS, max_pool_connections=self._connections,
                retries={"mode": "standard", "total_max_attempts": 3},
            )  # fmt: skip
            region, endpoint = options.get("region"), options.get("endpoint")
            self._client = boto3.client("sqs", region_name=region, endpoint_url=endpoint, config=config)
            self.url = url or self._client.get_queue_url(QueueName=self.name)["QueueUrl"]

    async def ask(self, what: str, **facts: Any) -> dict[str, Any]:
        """Call a method of the client."""
        return await asyncio.to_thread(self._ask, what, facts)

    def _ask(self, what: str, facts: dict[str, Any]) -> dict[str, Any]:
        with _reported(self.name):
            if self._client is None:
                self.open()
            answer: dict[str, Any] = getattr(self._client, what)(QueueUrl=self.url, **facts)
        return answer

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class SqsSource:
    """A queue of SQS. Dead letters go to ``dead``, else where its redrive policy says, else to ``NAME.dead``."""

    def __init__(self, address: Address, workers: int) -> None:
        self._address = address
        self._queue = _Queue(address, address.name, workers + 4)
        self._dead: _Queue | None = None
        self._visibility = int(address.get_seconds("visibility", _VISIBILITY_SECONDS))
        self.touch_seconds: float | None = self._visibility / 3

    async def connect(self) -> None:
        await asyncio.to_thread(self._queue.open)
        name = self._address.options.get("dead") or await self._find_redrive() or _name_dead(self._queue)
        self._dead = _Queue(self._address, name, 4)
        await asyncio.to_thread(self._dead.open)

    async def _find_redrive(self) -> str | None:
        answer = await self._queue.ask("get_queue_attributes", AttributeNames=["RedrivePolicy"])
        policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        return str(policy.get("deadLetterTargetArn", "")).rpartition(":")[2] or None

    async def receive(self, most: int, seconds: float) -> list[Delivery] | None:
        answer = await self._queue.ask(
            "receive_message",
            MaxNumberOfMessages=min(most, _MOST),
            WaitTimeSeconds=max(1, int(seconds)),
            VisibilityTimeout=self._visibility,
        )
        return [Delivery(message["Body"].encode(), message["ReceiptHandle"]) for message in answer.get("Messages", ())]

    async def ack(self, delivery: Delivery) -> None:
        await self._queue.ask("delete_message", ReceiptHandle=delivery.receipt)

    async def nack(self, delivery: Delivery, delay: float) -> None:
        await self._see_again(delivery, min(int(delay), _LONGEST_DELAY))

    async def bury(self, delivery: Delivery, burial: Burial) -> None:
        if self._dead is None:
            raise BrokerError(f"SQS {self._queue.name!r} is not connected.")
        attributes = {
            name: {"DataType": "String", "StringValue": text or "-"} for name, text in burial.to_headers().items()
        }
        body = delivery.body.decode()
        order = {"MessageGroupId": "dead", "MessageDeduplicationId": _hash(body)} if self._dead.is_fifo else {}
        await self._dead.ask("send_message", MessageBody=body, MessageAttributes=attributes, **order)
        await self.ack(delivery)

    async def touch(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            await self._see_again(delivery, self._visibility)

    async def count_waiting(self) -> int | None:
        answer = await self._queue.ask("get_queue_attributes", AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    async def close(self) -> None:
        for queue in (self._queue, self._dead):
            if queue is not None:
                queue.close()

    async def _see_again(self, delivery: Delivery, seconds: int) -> None:
        await self._queue.ask("change_message_visibility", ReceiptHandle=delivery.receipt, VisibilityTimeout=seconds)


class SqsSink:
    """A queue of SQS that results are sent to; a FIFO queue drops the second of two within five minutes by itself."""

    def __init__(self, address: Address, workers: int) -> None:
        self._queue = _Queue(address, address.name, workers + 2)

    async def connect(self) -> None:
        await asyncio.to_thread(self._queue.open)

    async def publish(self, event_id: str, document: bytes) -> None:
        name = _hash(event_id)
        order = {"MessageGroupId": name, "MessageDeduplicationId": name} if self._queue.is_fifo else {}
        attributes = {"event_id": {"DataType": "String", "StringValue": event_id}}
        await self._queue.ask("send_message", MessageBody=document.decode(), MessageAttributes=attributes, **order)

    async def close(self) -> None:
        self._queue.close()


def _name_dead(queue: _Queue) -> str:
    return f"{queue.name.removesuffix('.fifo')}-dead{'.fifo' if queue.is_fifo else ''}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _reported(name: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, ValueError) as error:
        raise BrokerError(
            f"SQS {name!r}: {error}.",
            hint="Check the queue's name, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and, for a "
            "server of your own, AWS_ENDPOINT_URL.",
        ) from error
