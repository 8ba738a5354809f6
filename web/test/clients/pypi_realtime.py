"""PyPI `realtime` as a page's backend would use it: prints what it hears, one JSON value a line.

Usage: pypi_realtime.py http://host:port event-id token
"""

import asyncio
import json
import logging
import sys

from realtime import AsyncRealtimeClient


# The test cuts the connection; the client reports that at length.
logging.disable(logging.CRITICAL)


def tell(what, value=None):
    print(json.dumps([what, value]), flush=True)


def kind(change):
    """The oldest version tells the type as text."""
    type = change["data"]["type"]
    return getattr(type, "value", type)


class Page:
    """A connection with the three channels of an event."""

    async def open(self, url, event, token):
        self.client = AsyncRealtimeClient(f"{url}/realtime/v1", "anon")
        await self.client.connect()
        # The oldest version hears only what it is told to listen to; newer ones take this for nothing.
        self.listening = asyncio.create_task(self.client.listen())
        await self.client.set_auth(token)

        self.tickets = self.client.channel(f"event-tickets:{event}", {"config": {}})
        for table, of_event in [("event_tickets", "event_id"), ("events", "id"), ("notices", "event_id")]:
            self.tickets.on_postgres_changes(
                "*",
                schema="public",
                table=table,
                filter=f"{of_event}=eq.{event}",
                callback=lambda change: tell(f"{change['data']['table']} {kind(change)}"),
            )
        await self.tickets.subscribe(lambda status, error: tell("tickets", status))

        self.registration = self.client.channel(f"registration:{event}", {"config": {}})
        self.registration.on_presence_sync(lambda: tell("here", len(self.registration.presence_state())))
        await self.registration.subscribe(lambda status, error: tell("registration", status))

        self.updates = self.client.channel(
            f"event-updates:{event}", {"config": {"broadcast": {"ack": True, "self": True}}}
        )
        self.updates.on_broadcast("update", lambda message: tell("update", message["payload"]["updateType"]))
        await self.updates.subscribe(lambda status, error: tell("updates", status))


async def main(url, event, token):
    page = Page()
    await page.open(url, event, token)
    # Commands of the test, on the standard input, are done here.
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).decode().strip():
        if line == "track":
            await page.registration.track({"userId": "py", "step": "payment"})
        elif line == "untrack":
            await page.registration.untrack()
        elif line == "broadcast":
            await page.updates.send_broadcast("update", {"updateType": "custom", "data": {"from": "python"}})
        elif line == "leave":
            await page.tickets.unsubscribe()
        elif line == "open":
            page = Page()
            await page.open(url, event, token)
    await page.client.close()


asyncio.run(main(*sys.argv[1:]))
