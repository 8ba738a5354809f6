"""PyPI `realtime` as a page's backend would use it: prints what it hears, one JSON value a line.

Usage: pypi_realtime.py http://host:port event-id token
"""

import asyncio
import json
import sys

from realtime import AsyncRealtimeClient


def tell(what, value=None):
    print(json.dumps([what, value]), flush=True)


async def main(url, event, token):
    client = AsyncRealtimeClient(f"{url}/realtime/v1", "anon")
    await client.connect()
    await client.set_auth(token)

    tickets = client.channel(f"event-tickets:{event}")
    for table, of_event in [("event_tickets", "event_id"), ("events", "id"), ("notices", "event_id")]:
        tickets.on_postgres_changes(
            "*",
            schema="public",
            table=table,
            filter=f"{of_event}=eq.{event}",
            callback=lambda change: tell(f"{change['data']['table']} {change['data']['type'].value}"),
        )
    await tickets.subscribe(lambda status, error: tell("tickets", status))

    registration = client.channel(f"registration:{event}")
    registration.on_presence_sync(lambda: tell("here", len(registration.presence_state())))
    await registration.subscribe(lambda status, error: tell("registration", status))

    updates = client.channel(f"event-updates:{event}", {"config": {"broadcast": {"ack": True, "self": True}}})
    updates.on_broadcast("update", lambda message: tell("update", message["payload"]["updateType"]))
    await updates.subscribe(lambda status, error: tell("updates", status))

    # What the test says on the standard input is done here.
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().strip():
        if line == "track":
            await registration.track({"userId": "py", "step": "payment"})
        elif line == "untrack":
            await registration.untrack()
        elif line == "broadcast":
            await updates.send_broadcast("update", {"updateType": "custom", "data": {"from": "python"}})
    await client.close()


asyncio.run(main(*sys.argv[1:]))
