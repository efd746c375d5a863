"""The person with the phone: reads messages and an authenticator app.

A sandbox shows its messages at /sandbox/messages. The app's codes are those of RFC 6238.
"""

import base64
import hashlib
import hmac
import json
import os
import struct
import time
import urllib.parse
import urllib.request

STEP = 30


class Person:
    def __init__(self, number: str) -> None:
        self.number = number
        self._secret = b""

    def reads_the_message(self) -> str:
        query = urllib.parse.urlencode({"to": self.number})
        url = f"{os.environ['VERIGATOR_ENDPOINT']}/sandbox/messages?{query}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            message = json.load(answer)[-1]
        print(f"  to {message['to']}: {message['text']}")
        return str(message["pin"])

    def mistypes(self, code: str) -> str:
        return f"{(int(code[0]) + 1) % 10}{code[1:]}"

    def scans(self, secret: str) -> None:
        self._secret = base64.b32decode(secret + "=" * (-len(secret) % 8))

    def reads_the_code(self) -> str:
        return self._code_at(time.time())

    def waits_for_the_next_code(self) -> str:
        """The server takes a code up to one step early, so that nobody has to wait."""
        return self._code_at(time.time() + STEP)

    def _code_at(self, seconds: float) -> str:
        step = struct.pack(">Q", int(seconds) // STEP)
        digest = hmac.new(self._secret, step, hashlib.sha1).digest()
        (number,) = struct.unpack_from(">I", digest, digest[-1] & 0xF)
        return f"{(number & 0x7FFF_FFFF) % 1_000_000:06}"
