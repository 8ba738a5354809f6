"""A real SMTP server (PyPI's aiosmtpd) for the tests: says its port, then each mail that it took, one JSON object a line.

What it does with a mail is in the address: `later@…` is refused for now the first time, `never@…` for ever, of
`silent@…` it takes the mail and drops the connection instead of saying so, the first time.
"""

import asyncio
import base64
import email
import email.policy
import json
import sys

from aiosmtpd.smtp import SMTP


class Handler:
    def __init__(self):
        self.seen = set()

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        name = to.split("@")[0]
        is_first = to not in self.seen
        self.seen.add(to)
        if name == "later" and is_first:
            return "451 come again later"
        if name == "never":
            return f"550 no such person: {to}"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(
            json.dumps(
                {
                    "to": to,
                    "from": envelope.mail_from,
                    "subject": str(mail["subject"]),
                    "message_id": str(mail["message-id"]),
                    "text": mail.get_body(("plain",)).get_content(),
                    "html": mail.get_body(("html",)).get_content(),
                    "attachments": [
                        {
                            "name": part.get_filename(),
                            "type": part.get_content_type(),
                            "base64": base64.b64encode(part.get_payload(decode=True)).decode(),
                        }
                        for part in mail.iter_attachments()
                    ],
                }
            ),
            flush=True,
        )
        if name == "silent" and is_first:
            server.transport.abort()
        return "250 taken"


async def main():
    handler = Handler()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The test ends us by closing our input.
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
