#!/usr/bin/python3
"""A scriptable XMPP client, to drive the peers of the interop kit.

It logs in, then reads commands from standard input, one JSON object per line,
and writes everything that happens to standard output, one JSON object per
line.  With -c, the commands come from the command line instead.

    client.py -j juliet@prosody.test -p secret -a 127.0.0.10:5222 --ca ca.crt

Commands ("id" is optional, and comes back in the reply):

    {"do": "message", "to": JID, "body": TEXT, "type": "chat", "xml": EXTRA}
    {"do": "presence", "to": JID, "type": T, "show": S, "status": TEXT}
    {"do": "subscribe", "to": JID}      also subscribed, unsubscribe, ...
    {"do": "roster"}
    {"do": "ping", "to": JID}
    {"do": "disco", "to": JID, "node": N, "what": "info"|"items"}
    {"do": "muc_join", "room": JID, "nick": N}
    {"do": "muc_send", "room": JID, "body": TEXT}
    {"do": "muc_leave", "room": JID, "nick": N}
    {"do": "mix_create", "to": SERVICE, "channel": NAME}
    {"do": "mix_join", "channel": JID, "nick": N, "nodes": [...]}
    {"do": "mix_send", "channel": JID, "body": TEXT}
    {"do": "mix_leave", "channel": JID}
    {"do": "publish", "node": N, "item": ID, "xml": PAYLOAD, "to": JID, "open": true}
    {"do": "fetch", "to": JID, "node": N, "item": ID}
    {"do": "iq", "to": JID, "type": "get"|"set", "xml": PAYLOAD}
    {"do": "raw", "xml": XML}
    {"do": "wait", "event": E, "match": {...}, "timeout": SECONDS}
    {"do": "none", "event": E, "match": {...}, "timeout": SECONDS}
    {"do": "archive", "default": "always"|"never"|"roster"}
    {"do": "burst", "to": JID, "count": N, "prefix": P}
    {"do": "gather", "from": JID, "prefix": P}
    {"do": "collect", "prefix": P, "count": N, "timeout": SECONDS, "repeats": false}
    {"do": "quit"}

"wait" succeeds with the first event not yet waited for that matches; "none"
succeeds if none comes in time.  In "match", every member must equal the
event's; a JID without a resource matches any resource, and the member
"contains" must occur in the event's XML.

"burst" sends N messages with the bodies "P 0", "P 1", ... as fast as the
server takes them.  "gather" puts the messages with such bodies aside from then
on, unreported; "collect" ends that when N have come or none has come for
SECONDS, and says which numbers came out of order, more than once, or not at
all; with "repeats", only the first of each number counts.

Every command is answered with {"event": "reply", "do": ..., "ok": true|false,
...}.  Other events: online, failed, disconnected, message, presence.  The exit
status is 0 if all commands succeeded; the first one that fails ends the
program, unless --keep-going is given.
"""

import argparse
import asyncio
import json
import logging
import os
import ssl
import sys
from xml.etree import ElementTree as ET

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import tostring
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

NS_MIX = "urn:xmpp:mix:core:1"
NS_MIX_PAM = "urn:xmpp:mix:pam:2"
NS_PUBSUB = "http://jabber.org/protocol/pubsub"
NS_DATA = "jabber:x:data"
NS_PUBLISH_OPTIONS = NS_PUBSUB + "#publish-options"

# Marks the members of an event that hold a JID.
JID_KEYS = {"from", "to", "jid"}


class CommandFailed(Exception):
    """A command that did not work out; carries the details for the reply."""

    def __init__(self, error, /, **details):
        super().__init__(error)
        self.details = details


class Client(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options.jid, options.password)
        self.options = options
        self.ca_certs = options.ca
        if options.insecure:
            self.ssl_context.check_hostname = False
            self.ssl_context.verify_mode = ssl.CERT_NONE
        self.seen = []            # events that no wait has consumed
        self.gathered = {}        # prefix -> (from, numbers in order of arrival)
        self.news = asyncio.Event()
        for name in ("xep_0030", "xep_0045", "xep_0115", "xep_0199"):
            self.register_plugin(name)
        if not options.no_sm:
            self.register_plugin("xep_0198")
        # Subscriptions are up to the script.
        self.auto_authorize = None
        self.auto_subscribe = False
        # Handlers for the elements themselves: slixmpp's events are split by
        # type, and differ between presence with and without <show/>.
        for kind in ("message", "presence"):
            self.register_handler(Callback("every " + kind, MatchXPath("{jabber:client}" + kind),
                                           self.on_stanza))
        self.add_event_handler("session_start", self.on_session)
        self.add_event_handler("failed_auth", lambda _: self.report("failed", reason="auth"))
        self.add_event_handler("connection_failed",
                               lambda e: self.report("failed", reason=str(e)))
        self.add_event_handler("disconnected", lambda e: self.report("disconnected"))

    # --- events ---------------------------------------------------------

    def report(self, event, **members):
        members = {"event": event, **members}
        print(json.dumps(members), flush=True)
        if event != "reply":
            self.seen.append(members)
            self.news.set()

    async def on_session(self, _):
        if self.options.feature:
            for feature in self.options.feature:
                await self["xep_0030"].add_feature(feature)
            await self["xep_0115"].update_caps(broadcast=False)
        if not self.options.no_presence:
            await self.get_roster()
            self.send_presence()
            # The server deals with a stream in order: once this is answered, the
            # session is available, and messages for it are not stored instead.
            await self.iq(self.boundjid.domain, "get", '<ping xmlns="urn:xmpp:ping"/>')
        self.report("online", jid=self.boundjid.full)

    def on_stanza(self, stanza):
        element = stanza.xml
        kind = element.tag.split("}")[1]
        if kind == "message" and self.gathered and self.put_aside(element):
            return
        event = {"from": element.get("from", ""), "to": element.get("to", ""),
                 "type": element.get("type", ""), "id": element.get("id", "")}
        for child in element:
            name = child.tag.split("}")[-1]
            if name in ("body", "subject", "show", "status") and child.text:
                event[name] = child.text
        error = element.find("{jabber:client}error")
        if error is not None and len(error):
            event["condition"] = error[0].tag.split("}")[1]
        event["xml"] = tostring(element)
        self.report(kind, **event)

    def put_aside(self, element):
        """Takes a message that "gather" asked for; returns whether it is one."""
        prefix, _, number = (element.findtext("{jabber:client}body") or "").rpartition(" ")
        sender, numbers = self.gathered.get(prefix, (None, None))
        if (numbers is None or not number.isdigit() or element.get("type") == "error"
                or element.get("from", "").split("/")[0] != sender):
            return False
        numbers.append(int(number))
        self.news.set()
        return True

    @staticmethod
    def matches(event, name, wanted):
        if event["event"] != name:
            return False
        for key, value in wanted.items():
            if key == "contains":
                if value not in event.get("xml", ""):
                    return False
            elif key in JID_KEYS and "/" not in value:
                if event.get(key, "").split("/")[0] != value:
                    return False
            elif event.get(key, "") != value:
                return False
        return True

    async def expect(self, name, wanted, timeout):
        """Returns the first event that matches, or None in time."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            for i, event in enumerate(self.seen):
                if self.matches(event, name, wanted):
                    return self.seen.pop(i)
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return None
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), left)
            except asyncio.TimeoutError:
                pass

    # --- commands -------------------------------------------------------

    async def iq(self, to, kind, payload, timeout=20):
        """Sends one IQ and returns the answer; payload is XML text."""
        iq = self.Iq()            # with a fresh id, unlike make_iq()
        iq["type"] = kind
        if to:
            iq["to"] = to
        iq.append(ET.fromstring(payload))
        try:
            return await iq.send(timeout=timeout)
        except IqError as e:
            raise CommandFailed("error", condition=e.iq["error"]["condition"],
                                text=e.iq["error"]["text"], xml=str(e.iq)) from None
        except IqTimeout:
            raise CommandFailed("timeout") from None

    async def do_message(self, c):
        message = self.make_message(c["to"], mbody=c.get("body"), mtype=c.get("type", "chat"))
        message["id"] = c.get("stanza_id") or self.new_id()
        if c.get("xml"):
            message.append(ET.fromstring(c["xml"]))
        message.send()
        return {"stanza_id": message["id"]}

    async def do_presence(self, c):
        presence = self.make_presence(pto=c.get("to"), ptype=c.get("type"),
                                      pshow=c.get("show"), pstatus=c.get("status"))
        if c.get("xml"):
            presence.append(ET.fromstring(c["xml"]))
        presence.send()

    async def do_subscribe(self, c):
        self.send_presence(pto=c["to"], ptype=c["do"])

    do_subscribed = do_unsubscribe = do_unsubscribed = do_subscribe

    async def do_roster(self, c):
        answer = await self.iq(None, "get", '<query xmlns="jabber:iq:roster"/>')
        items = answer.xml.iter("{jabber:iq:roster}item")
        return {"items": {i.get("jid"): i.get("subscription") for i in items}}

    async def do_ping(self, c):
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await self.iq(c["to"], "get", '<ping xmlns="urn:xmpp:ping"/>')
        return {"ms": round((loop.time() - begin) * 1000, 2)}

    async def do_disco(self, c):
        what = c.get("what", "info")
        query = ET.Element("{http://jabber.org/protocol/disco#%s}query" % what)
        if c.get("node"):
            query.set("node", c["node"])
        answer = await self.iq(c["to"], "get", ET.tostring(query, "unicode"))
        found = answer.xml[0]
        if what == "items":
            return {"items": [dict(e.attrib) for e in found]}
        return {
            "identities": [dict(e.attrib) for e in found if e.tag.endswith("}identity")],
            "features": sorted(e.get("var") for e in found if e.tag.endswith("}feature")),
        }

    async def do_muc_join(self, c):
        to = "%s/%s" % (c["room"], c["nick"])
        presence = self.make_presence(pto=to)
        presence.append(ET.fromstring(
            '<x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0"/></x>'))
        presence.send()
        # Either our own presence comes back with status 110, or an error.
        deadline = asyncio.get_running_loop().time() + c.get("timeout", 20)
        while asyncio.get_running_loop().time() < deadline:
            event = await self.expect("presence", {"from": c["room"]}, 1)
            if event is None:
                continue
            if event["type"] == "error":
                raise CommandFailed("refused", condition=event.get("condition"), xml=event["xml"])
            if 'code="110"' in event["xml"] or "code='110'" in event["xml"]:
                return {"as": event["from"]}
        raise CommandFailed("timeout")

    async def do_muc_send(self, c):
        return await self.do_message({"to": c["room"], "body": c["body"], "type": "groupchat"})

    async def do_muc_leave(self, c):
        self.send_presence(pto="%s/%s" % (c["room"], c["nick"]), ptype="unavailable")

    async def do_mix_create(self, c):
        payload = ET.Element("{%s}create" % NS_MIX)
        if c.get("channel"):
            payload.set("channel", c["channel"])
        answer = await self.iq(c["to"], "set", ET.tostring(payload, "unicode"))
        return {"channel": answer.xml[0].get("channel")}

    async def do_mix_join(self, c):
        # MIX-PAM: the user's own server does the joining.
        payload = ET.Element("{%s}client-join" % NS_MIX_PAM, channel=c["channel"])
        join = ET.SubElement(payload, "{%s}join" % NS_MIX)
        for node in c.get("nodes", ("messages", "participants")):
            ET.SubElement(join, "{%s}subscribe" % NS_MIX, node="urn:xmpp:mix:nodes:" + node)
        ET.SubElement(join, "{%s}nick" % NS_MIX).text = c["nick"]
        answer = await self.iq(self.boundjid.bare, "set", ET.tostring(payload, "unicode"))
        return {"xml": str(answer)}

    async def do_mix_send(self, c):
        return await self.do_message({"to": c["channel"], "body": c["body"], "type": "groupchat"})

    async def do_mix_leave(self, c):
        payload = ET.Element("{%s}client-leave" % NS_MIX_PAM, channel=c["channel"])
        ET.SubElement(payload, "{%s}leave" % NS_MIX)
        await self.iq(self.boundjid.bare, "set", ET.tostring(payload, "unicode"))

    async def do_publish(self, c):
        pubsub = ET.Element("{%s}pubsub" % NS_PUBSUB)
        publish = ET.SubElement(pubsub, "{%s}publish" % NS_PUBSUB, node=c["node"])
        item = ET.SubElement(publish, "{%s}item" % NS_PUBSUB)
        if c.get("item"):
            item.set("id", c["item"])
        item.append(ET.fromstring(c["xml"]))
        if c.get("open"):
            options = ET.SubElement(pubsub, "{%s}publish-options" % NS_PUBSUB)
            form = ET.SubElement(options, "{%s}x" % NS_DATA, type="submit")
            for var, value in (("FORM_TYPE", NS_PUBLISH_OPTIONS), ("pubsub#access_model", "open")):
                field = ET.SubElement(form, "{%s}field" % NS_DATA, var=var)
                if var == "FORM_TYPE":
                    field.set("type", "hidden")
                ET.SubElement(field, "{%s}value" % NS_DATA).text = value
        await self.iq(c.get("to"), "set", ET.tostring(pubsub, "unicode"))

    async def do_fetch(self, c):
        pubsub = ET.Element("{%s}pubsub" % NS_PUBSUB)
        items = ET.SubElement(pubsub, "{%s}items" % NS_PUBSUB, node=c["node"])
        if c.get("item"):
            ET.SubElement(items, "{%s}item" % NS_PUBSUB, id=c["item"])
        answer = await self.iq(c.get("to"), "get", ET.tostring(pubsub, "unicode"))
        found = answer.xml.iter("{%s}item" % NS_PUBSUB)
        return {"items": [{"id": i.get("id"), "xml": tostring(i[0]) if len(i) else ""}
                          for i in found]}

    async def do_iq(self, c):
        answer = await self.iq(c.get("to"), c.get("type", "get"), c["xml"])
        return {"xml": str(answer)}

    async def do_raw(self, c):
        self.send_raw(c["xml"])

    async def do_wait(self, c):
        event = await self.expect(c["event"], c.get("match", {}), c.get("timeout", 20))
        if event is None:
            raise CommandFailed("timeout", waited_for=c)
        return {"got": event}

    async def do_none(self, c):
        event = await self.expect(c["event"], c.get("match", {}), c.get("timeout", 2))
        if event is not None:
            raise CommandFailed("unexpected", got=event)

    async def do_archive(self, c):
        await self.iq(None, "set", '<prefs xmlns="urn:xmpp:mam:2" default="%s"><always/><never/></prefs>'
                      % c["default"])

    async def do_burst(self, c):
        for i in range(c["count"]):
            self.make_message(c["to"], mbody="%s %d" % (c["prefix"], i), mtype="chat").send()
            if i % 100 == 99:
                # Lets the queue drain, and answers be read.
                await asyncio.sleep(0)
                while self.waiting_queue.qsize() > 500:
                    await asyncio.sleep(0.001)

    async def do_gather(self, c):
        self.gathered[c["prefix"]] = (c["from"], [])

    async def do_collect(self, c):
        _, numbers = self.gathered[c["prefix"]]
        while len(set(numbers)) < c["count"]:
            self.news.clear()
            before = len(numbers)
            try:
                await asyncio.wait_for(self.news.wait(), c.get("timeout", 20))
            except asyncio.TimeoutError:
                if len(numbers) == before:
                    break
        del self.gathered[c["prefix"]]
        firsts = list(dict.fromkeys(numbers))
        repeated = len(numbers) - len(firsts)
        if c.get("repeats"):
            numbers = firsts
        disorder = [b for a, b in zip(numbers, numbers[1:]) if b < a]
        missing = sorted(set(range(c["count"])) - set(numbers))
        report = {"count": len(numbers), "disorder": disorder[:10],
                  "missing": missing[:10], "repeated": repeated}
        if disorder or missing or repeated and not c.get("repeats"):
            raise CommandFailed("not all, once and in order", lost=len(missing), **report)
        return report

    async def run(self, command):
        """Runs one command; returns whether it worked."""
        reply = {"do": command.get("do")}
        if "id" in command:
            reply["id"] = command["id"]
        method = getattr(self, "do_" + str(command.get("do")), None)
        try:
            if method is None:
                raise CommandFailed("no such command")
            result = await method(command)
            self.report("reply", **reply, ok=True, **(result or {}))
            return True
        except CommandFailed as e:
            self.report("reply", **reply, ok=False, error=str(e), **e.details)
        except (KeyError, ET.ParseError) as e:
            self.report("reply", **reply, ok=False, error=repr(e))
        return False


async def input_lines():
    """The lines of standard input, without blocking the event loop."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except ValueError:            # a plain file
        for line in sys.stdin:
            yield line
        return
    while line := await reader.readline():
        yield line.decode()


async def main(options):
    client = Client(options)
    host, port = options.address.rsplit(":", 1)
    client.connect((host, int(port)), use_ssl=False, force_starttls=True)
    ok = True
    started = asyncio.ensure_future(client.expect("online", {}, options.timeout))
    failed = asyncio.ensure_future(client.expect("failed", {}, options.timeout))
    await asyncio.wait({started, failed}, return_when=asyncio.FIRST_COMPLETED)
    failed.cancel()
    if not started.done() or started.result() is None:
        client.report("reply", do="login", ok=False)
        client.abort()
        return 1

    async def commands():
        for text in options.command or ():
            yield text
        if not options.command:
            async for text in input_lines():
                yield text

    async for text in commands():
        if not text.strip():
            continue
        try:
            command = json.loads(text)
        except ValueError as e:
            client.report("reply", ok=False, error="not JSON: %s" % e)
            ok = False
            break
        if command.get("do") == "quit":
            break
        if not await client.run(command):
            ok = False
            if not options.keep_going:
                break

    try:
        await asyncio.wait_for(client.disconnect(wait=1.0), 5)
    except asyncio.TimeoutError:
        client.abort()
    return 0 if ok else 1


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", "--jid", required=True)
    parser.add_argument("-p", "--password", default=os.environ.get("PASSWORD", "secret"))
    parser.add_argument("-a", "--address", required=True, help="HOST:PORT of the server")
    parser.add_argument("--ca", help="file with the trusted certificate authority")
    parser.add_argument("--insecure", action="store_true",
                        help="take any certificate of the server")
    parser.add_argument("-c", "--command", action="append",
                        help="a command, instead of standard input (repeatable)")
    parser.add_argument("--timeout", type=float, default=20, help="for the login, in seconds")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--no-presence", action="store_true",
                        help="do not fetch the roster and become available")
    parser.add_argument("--feature", action="append",
                        help="a feature to announce by entity capabilities, which are not sent"
                             " otherwise, such as NODE+notify (repeatable)")
    parser.add_argument("--no-sm", action="store_true", help="no stream management")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="the whole stream on standard error")
    return parser.parse_args()


if __name__ == "__main__":
    OPTIONS = parse_options()
    logging.basicConfig(level=logging.DEBUG if OPTIONS.verbose else logging.CRITICAL)
    sys.exit(asyncio.get_event_loop().run_until_complete(main(OPTIONS)))
