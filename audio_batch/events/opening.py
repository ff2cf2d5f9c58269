"""From an address to what speaks to the queue there; a broker's client is loaded only where it is needed."""

from __future__ import annotations

from audio_batch.events.addresses import Address, parse_address
from audio_batch.events.broker import Sink, Source
from batch_base.extras import named_extra


def open_source(address: str, *, workers: int = 1) -> Source:
    """Return the queue at an address, not connected yet.

    Parameters
    ----------
    address
        See :data:`audio_batch.events.addresses.FORMS`.
    workers
        How many messages are taken at most at the same time.

    Raises
    ------
    AddressError
        If the address is not allowed.
    MissingExtraError
        If the broker's client is not installed.
    """
    with named_extra():
        return _open_source(parse_address(address), workers)


def open_sink(address: str, *, workers: int = 1) -> Sink:
    """Return the queue for results at an address, not connected yet; see `open_source`."""
    with named_extra():
        return _open_sink(parse_address(address), workers)


def _open_source(address: Address, workers: int) -> Source:
    if address.kind == "kafka":
        from audio_batch.events.kafka import KafkaSource

        return KafkaSource(address)
    if address.kind == "amqp":
        from audio_batch.events.rabbitmq import RabbitSource

        return RabbitSource(address, workers)
    if address.kind == "redis":
        from audio_batch.events.redis_streams import RedisSource

        return RedisSource(address)
    if address.kind == "sqs":
        from audio_batch.events.sqs import SqsSource

        return SqsSource(address, workers)
    from audio_batch.events.files import FileSource

    return FileSource(address)


def _open_sink(address: Address, workers: int) -> Sink:
    if address.kind == "kafka":
        from audio_batch.events.kafka import KafkaSink

        return KafkaSink(address)
    if address.kind == "amqp":
        from audio_batch.events.rabbitmq import RabbitSink

        return RabbitSink(address)
    if address.kind == "redis":
        from audio_batch.events.redis_streams import RedisSink

        return RedisSink(address)
    if address.kind == "sqs":
        from audio_batch.events.sqs import SqsSink

        return SqsSink(address, workers)
    from audio_batch.events.files import FileSink

    return FileSink(address)
