"""Owns the code that shows how a receiver checks a signature, in five languages.

Knows no webhook: the secret stands in the environment of the receiver, never in the code.
Source: Standard Webhooks 1.0.0, *Signature scheme*; rules WHK-5 (raw body, 300 s). Tests run what can be run.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One language: its name, the id of its block on a page, and the code."""

    language: str
    id: str
    code: str


_PYTHON = """\
import os
from standardwebhooks import Webhook  # pip install standardwebhooks

def verified(body, headers):
    # body: the raw bytes or text, before any JSON parser.
    # Raises when it is not ours, or older than 5 minutes.
    return Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, headers)
"""

_JAVASCRIPT = """\
import { Webhook } from "standardwebhooks"; // npm install standardwebhooks

export function verified(body, headers) {
  // body: the raw text, before JSON.parse.
  // Throws when it is not ours, or older than 5 minutes.
  return new Webhook(process.env.WEBHOOK_SECRET).verify(body, headers);
}
"""

_PHP = """\
<?php
function verified(string $body, array $headers): array  // names of headers in lower case
{
    $id = $headers['webhook-id'];
    $at = $headers['webhook-timestamp'];
    if (abs(time() - (int) $at) > 300) {
        throw new RuntimeException('too old');
    }
    $key = base64_decode(substr(getenv('WEBHOOK_SECRET'), strlen('whsec_')));
    $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
    foreach (explode(' ', $headers['webhook-signature']) as $given) {
        if (hash_equals($wanted, $given)) {
            return json_decode($body, true);
        }
    }
    throw new RuntimeException('wrong signature');
}
"""

_RUBY = """\
require "json"
require "openssl"

def verified(body, headers) # names of headers in lower case
  id, at, given = headers.values_at("webhook-id", "webhook-timestamp", "webhook-signature")
  raise "too old" if (Time.now.to_i - at.to_i).abs > 300
  key = ENV.fetch("WEBHOOK_SECRET").delete_prefix("whsec_").unpack1("m")
  wanted = "v1," + [OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{at}.#{body}")].pack("m0")
  raise "wrong signature" unless given.split.any? { |one| OpenSSL.secure_compare(one, wanted) }
  JSON.parse(body)
end
"""

_GO = """\
import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func verified(body []byte, headers http.Header) error {
	id, at := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	sent, err := strconv.ParseInt(at, 10, 64)
	if age := time.Since(time.Unix(sent, 0)); err != nil || age.Abs() > 5*time.Minute {
		return errors.New("too old")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	wanted := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Fields(headers.Get("webhook-signature")) {
		if hmac.Equal([]byte(given), []byte(wanted)) {
			return nil
		}
	}
	return errors.New("wrong signature")
}
"""

SAMPLES = (
    Sample("Python", "verify-python", _PYTHON),
    Sample("JavaScript", "verify-javascript", _JAVASCRIPT),
    Sample("PHP", "verify-php", _PHP),
    Sample("Ruby", "verify-ruby", _RUBY),
    Sample("Go", "verify-go", _GO),
)

RECEIVER = """\
python3 -c '
from http.server import BaseHTTPRequestHandler, HTTPServer
class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.headers, self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(204)
        self.end_headers()
HTTPServer(("127.0.0.1", 9000), Hook).serve_forever()'
"""
"""A receiver for trying things out: prints what it is sent, and takes it."""

RECEIVER_URL = "http://127.0.0.1:9000/"
