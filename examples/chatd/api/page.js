"use strict";
const $ = (id) => document.getElementById(id);
const el = (tag, props = {}, ...children) => {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
};
const bare = (address) => (address || "").split("/")[0];
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

let me = null;            // {name, token, admin}
let peers = new Map();    // address -> {messages, unread}
let current = "";         // the peer whose messages are shown
let last = 0;             // id of the last event received
let seen = 0;             // the same before this page was opened: older ones are not new
let abort = null;         // ends the event stream
let contacts = new Map(); // address -> what the contact list says
let there = new Map();    // address -> Map of full address -> {show, status}
let pictures = new Map(); // address -> data URL
let correcting = "";      // id of the message that is being corrected
let poll = 0;

async function call(path, token, options = {}) {
  const res = await fetch(path, { ...options, cache: "no-store", headers: { Authorization: "Bearer " + token } });
  if (!res.ok) {
    const answer = await res.json().catch(() => ({}));
    throw Object.assign(new Error(answer.error || "status " + res.status), { status: res.status });
  }
  return res;
}
const put = (what, value, method = "PUT") => call(home() + "/" + what, me.token, { method, body: value && JSON.stringify(value) });
const post = (path, token, value) => call(path, token, { method: "POST", body: JSON.stringify(value) }).then((res) => res.json());
const home = () => "/v1/users/" + encodeURIComponent(me.name);

function problem(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

function screen() {
  $("signin").hidden = !!me;
  $("chat").hidden = $("who").hidden = !me;
  $("federation").hidden = !me || !me.admin;
  if (me) $("address").textContent = me.name.includes("@") ? me.name : me.name + "@" + document.body.dataset.domain;
}

function signIn(who) {
  me = who;
  sessionStorage.setItem("me", JSON.stringify(me));
  peers = new Map();
  contacts = new Map();
  there = new Map();
  pictures = new Map();
  current = "";
  last = 0;
  seen = Number(sessionStorage.getItem(storageKey("seen")));
  for (const m of sent()) peer(m.to).messages.push({ ...m, mine: true });
  if (peers.size) current = [...peers.keys()].at(-1);
  problem("signin-problem", "");
  screen();
  people();
  thread();
  $("to").value = current;
  $(current ? "body" : "to").focus();
  listen();
  loadContacts();
  appear("online");
  if (me.admin) {
    $("federation").open = innerHeight > 700 && innerWidth > 700;
    streams();
    poll = setInterval(streams, 3000);
  }
}

function signOut(why) {
  if (abort) abort.abort();
  clearInterval(poll);
  me = null;
  sessionStorage.removeItem("me");
  screen();
  problem("signin-problem", why || "");
  $("name").focus();
}

// What this browser has sent, so that a reload does not lose it: the service
// tells of messages that arrive and of errors.
const storageKey = (what) => what + " " + me.name;
const sent = () => JSON.parse(sessionStorage.getItem(storageKey("sent")) || "[]");
const keepAll = (list) => sessionStorage.setItem(storageKey("sent"), JSON.stringify(list.slice(-500)));
const keep = (m) => keepAll([...sent(), m]);

async function loadContacts() {
  try {
    for (const c of await (await call(home() + "/contacts", me.token)).json()) {
      contacts.set(c.address, c);
      peer(c.address);
      if (c.subscription === "to" || c.subscription === "both") picture(c.address);
    }
    people();
    about();
  } catch (err) {
    problem("write-problem", err.message);
  }
}

// appear tells contacts how the user is there.
async function appear(show) {
  $("presence").value = show;
  await put("presence", { show }).catch((err) => problem("write-problem", err.message));
}

// picture fetches a contact's image.
async function picture(address) {
  try {
    const blob = await (await call(home() + "/contacts/" + encodeURIComponent(address) + "/avatar", me.token)).blob();
    pictures.set(address, await asData(blob));
    people();
  } catch (err) {
    pictures.delete(address); // there is none
  }
}

// asData is a blob as a data: address.
const asData = async (blob) => "data:" + blob.type + ";base64," +
  btoa(Array.from(new Uint8Array(await blob.arrayBuffer()), (b) => String.fromCharCode(b)).join(""));

// says is what is shown of a contact's session. An offline contact has none.
const says = {
  chat: "free to chat", online: "online", away: "away", xa: "away for long", dnd: "do not disturb", unknown: "not known whether they are there",
};
const saysOf = (now) => says[now.show] + (now.status ? ", " + now.status : "");

// seenAs is the best of what a contact's sessions say.
function seenAs(address) {
  const order = Object.keys(says);
  return [...(there.get(address) || new Map()).values()].sort((a, b) => order.indexOf(a.show) - order.indexOf(b.show))[0];
}

// about shows what there is between the user and the current peer.
function about() {
  const box = $("peer");
  box.hidden = !current;
  if (!current) return;
  const c = contacts.get(current) || { subscription: "none" };
  const act = (text, f, main) => el("button", { type: "button", className: "small" + (main ? " main" : ""), textContent: text, onclick: async () => {
    try {
      await f();
      problem("write-problem", "");
    } catch (err) {
      problem("write-problem", err.message);
    }
  } });
  const at = (what) => what + "/" + encodeURIComponent(current);
  const answer = async (accept) => {
    await post(home() + "/" + at("requests"), me.token, { accept });
    c.request = false;
    about();
  };
  const now = seenAs(current);
  const words = { none: "not a contact", to: "you see their presence", from: "they see your presence", both: "you see each other's presence" };
  box.replaceChildren(el("span", { className: "what", textContent: (now ? saysOf(now) + " · " : "") +
    (c.asked ? "asked, no answer yet" : words[c.subscription] || "") }));
  if (c.request) box.append(el("strong", { textContent: "asks to see when you are there" }), act("Allow", () => answer(true), true), act("Do not", () => answer(false)));
  if (c.subscription === "none" || c.subscription === "from") {
    if (!c.asked) box.append(act("Add contact", () => put(at("contacts"), {})));
  }
  if (c.subscription !== "none" || c.asked) box.append(act("Remove", () => put(at("contacts"), null, "DELETE")));
}

function peer(address) {
  if (!peers.has(address)) peers.set(address, { messages: [], unread: 0 });
  return peers.get(address);
}

function add(address, message) {
  const p = peer(address);
  p.messages.push(message);
  if (!current) {
    current = address;
    if (!$("to").value) $("to").value = address;
  }
  show(address);
}

// show brings the page up to date after something happened in a conversation.
function show(address) {
  const p = peer(address);
  if (address === current) {
    p.unread = 0;
    thread();
  } else if (last > seen) {
    p.unread++;
  }
  people();
}

function happened(e) {
  switch (e.type) {
  case "message":
    add(bare(e.from), { id: e.stanza_id, body: e.body, at: e.at, from: e.from });
    return;
  case "correction": {
    const m = peer(bare(e.from)).messages.find((m) => !m.mine && m.id === e.replaces);
    if (!m) {
      add(bare(e.from), { id: e.replaces, body: e.body, at: e.at, from: e.from, corrected: true });
      return;
    }
    Object.assign(m, { body: e.body, corrected: true });
    show(bare(e.from));
    return;
  }
  case "receipt": {
    const m = peer(bare(e.from)).messages.find((m) => m.mine && (m.id === e.in_reply_to || m.versions?.includes(e.in_reply_to)));
    if (m) m.received = true;
    show(bare(e.from));
    return;
  }
  case "presence": {
    const address = bare(e.from);
    if (!there.has(address)) there.set(address, new Map());
    const sessions = there.get(address);
    if (e.from === address) sessions.clear(); // all of them
    sessions.delete(address); // they are known now, unless
    sessions.delete(e.from);
    if (e.show === "unknown") {
      sessions.set(address, { show: e.show });
    } else if (e.show in says) {
      sessions.set(e.from, { show: e.show, status: e.status });
    }
    people();
    about();
    return;
  }
  case "request":
    contacts.set(e.from, { ...(contacts.get(e.from) || { subscription: "none" }), request: true, nick: e.nick });
    peer(e.from);
    if (!current) choose(e.from);
    people();
    about();
    return;
  case "contact": {
    const c = e.contact;
    const saw = (contacts.get(c.address) || {}).subscription;
    if (c.removed) {
      contacts.delete(c.address);
      there.delete(c.address);
    } else {
      contacts.set(c.address, { ...(contacts.get(c.address) || {}), asked: false, request: false, ...c });
      peer(c.address);
    }
    if ("avatar" in c || c.subscription !== saw && (c.subscription === "to" || c.subscription === "both")) picture(c.address);
    people();
    about();
    return;
  }
  case "error":
    failed(e);
  }
}

// failed shows that a message was not delivered.
function failed(e) {
  const error = e.condition.replaceAll("-", " ") + (e.text ? " (" + e.text + ")" : "");
  for (const [address, p] of peers) {
    const m = p.messages.find((m) => m.mine && m.id === e.in_reply_to);
    if (!m) continue;
    m.error = error;
    show(address);
    return;
  }
  add(bare(e.from) || "errors", { about: e.in_reply_to, body: "A message sent from elsewhere was not delivered.", at: e.at, from: e.from, error });
}

// adopt gives a message the error that arrived before the answer to its POST.
function adopt(m) {
  for (const p of peers.values()) {
    const i = p.messages.findIndex((note) => note.about === m.id);
    if (i >= 0) m.error = p.messages.splice(i, 1)[0].error;
  }
}

function thread() {
  const box = $("thread");
  const messages = current ? peer(current).messages : [];
  messages.sort((a, b) => new Date(a.at) - new Date(b.at));
  const latest = messages.findLast((m) => m.mine && !m.error);
  box.replaceChildren(...messages.map((m) =>
    el("div", { className: "msg" + (m.mine ? " mine" : "") + (m.error ? " failed" : "") },
      el("span", { className: "meta", textContent: (m.mine ? "you" : m.from) + " · " + clock(m.at) + (m.corrected ? " · corrected" : "") + (m.received ? " · received ✓" : "") }),
      m.body,
      ...(m === latest ? [" ", el("button", { type: "button", className: "small", textContent: "Correct", onclick: () => correct(m) })] : []),
      ...(m.error ? [el("span", { className: "why", textContent: "Not delivered: " + m.error })] : []))));
  if (!messages.length) {
    box.append(el("p", { className: "empty", textContent: "Write to anybody who has an XMPP address. What arrives for you appears here." }));
  }
  box.scrollTop = box.scrollHeight;
  about();
}

// correct puts a message back into the field that it was written in.
function correct(m) {
  correcting = m ? m.id : "";
  $("correcting").hidden = !m;
  $("body").value = m ? m.body : "";
  $("body").focus();
}

function people() {
  $("people").querySelector("ul").replaceChildren(...[...peers].map(([address, p]) => {
    const c = contacts.get(address) || {}, now = seenAs(address);
    const name = el("span", { className: "addr", textContent: c.name || c.nick || address });
    if (now) name.append(el("span", { className: "says", textContent: saysOf(now) }));
    const button = el("button", { type: "button", title: address, onclick: () => choose(address) },
      el("span", { className: "dot " + (now ? now.show : "") }), ...(pictures.has(address) ? [el("img", { src: pictures.get(address), alt: "" })] : []), name);
    if (c.request) button.append(el("span", { className: "new", textContent: "asks" }));
    if (p.unread) button.append(el("span", { className: "new", textContent: p.unread, ariaLabel: p.unread + " new" }));
    button.setAttribute("aria-current", String(address === current));
    return el("li", {}, button);
  }));
}

function choose(address) {
  current = address;
  peer(address).unread = 0;
  $("to").value = address;
  problem("write-problem", "");
  correct(null);
  people();
  thread();
  $("body").focus();
}

// EventSource cannot send a header, and a token has no place in a URL.
async function listen() {
  abort = new AbortController();
  const { signal } = abort;
  for (let pause = 500; !signal.aborted; pause = Math.min(pause * 2, 15000)) {
    try {
      const res = await fetch(home() + "/events?after=" + last, { signal, cache: "no-store", headers: { Authorization: "Bearer " + me.token } });
      if (res.status === 401 || res.status === 403) {
        signOut("That name and token do not belong together.");
        return;
      }
      if (!res.ok) throw new Error("status " + res.status);
      connected(true);
      pause = 250;
      const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        for (const line of blocks.flatMap((block) => block.split("\n"))) {
          if (!line.startsWith("data: ")) continue;
          const event = JSON.parse(line.slice(6));
          if (event.id <= last) continue;
          last = event.id;
          happened(event);
          if (last > seen) sessionStorage.setItem(storageKey("seen"), last);
        }
      }
    } catch (err) {
      if (signal.aborted) return;
    }
    connected(false);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function connected(yes) {
  $("state").className = yes ? "on" : "";
  $("state").textContent = yes ? "connected" : "reconnecting";
}

async function streams() {
  try {
    const list = await (await call("/v1/federation/streams", me.admin)).json();
    $("stream-count").textContent = list.length;
    $("streams").replaceChildren(...list.map((s) => el("tr", {},
      ...[s.remote, s.local, s.direction === "in" ? "← in" : "→ out", s.method, s.tls, clock(s.since)].map((v) => el("td", { textContent: v })),
      el("td", { className: "num", textContent: s.in }), el("td", { className: "num", textContent: s.out }))));
  } catch (err) {
    if (err.status === 401 || err.status === 403) {
      clearInterval(poll);
      $("federation").hidden = true;
    }
  }
}

$("signin-form").onsubmit = (e) => {
  e.preventDefault();
  signIn({ name: $("name").value.trim(), token: $("token").value.trim(), admin: $("admin").value.trim() });
  e.target.reset();
};

$("create-form").onsubmit = async (e) => {
  e.preventDefault();
  const admin = $("admin").value.trim();
  try {
    const user = await post("/v1/users", admin, { name: $("new-name").value.trim() });
    e.target.reset();
    signIn({ name: user.name, token: user.token, admin });
    alertToken(user);
  } catch (err) {
    problem("signin-problem", "The user was not made: " + err.message);
  }
};

function alertToken(user) {
  $("thread").replaceChildren(el("p", { className: "empty" },
    "You are " + user.address + ". To sign in again you need this token, which is shown only now: ", el("code", { textContent: user.token })));
}

$("write").onsubmit = async (e) => {
  e.preventDefault();
  const to = $("to").value.trim(), body = $("body").value;
  const button = e.target.querySelector("button");
  button.disabled = true;
  try {
    const { id } = await post(home() + "/messages", me.token, { to, body, receipt: true, replaces: correcting || undefined });
    const old = correcting && peer(bare(to)).messages.find((m) => m.mine && m.id === correcting);
    if (old) {
      Object.assign(old, { body, corrected: true, received: false, versions: [...(old.versions || []), id] });
      keepAll(sent().map((m) => m.id === old.id ? { ...m, body, corrected: true } : m));
      thread();
    } else {
      const m = { id, to: bare(to), body, at: new Date().toISOString() };
      keep(m);
      m.mine = true;
      adopt(m);
      current = m.to;
      add(m.to, m);
    }
    correct(null);
    problem("write-problem", "");
  } catch (err) {
    problem("write-problem", err.message);
  }
  button.disabled = false;
  $("body").focus();
};

$("body").onkeydown = (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing) return;
  e.preventDefault();
  $("write").requestSubmit();
};
$("correct-not").onclick = () => correct(null);
$("presence").onchange = (e) => appear(e.target.value);
$("portrait").onclick = () => $("portrait-file").click();
$("portrait-file").onchange = async (e) => {
  const file = e.target.files[0];
  if (!file) return;
  try {
    const profile = await (await call(home() + "/profile", me.token)).json();
    profile.avatar = { type: file.type, data: (await asData(file)).split(",")[1] };
    await put("profile", profile);
    problem("write-problem", "");
  } catch (err) {
    problem("write-problem", "The picture was not taken: " + err.message);
  }
  e.target.value = "";
};
$("leave").onclick = () => {
  put("presence", { show: "offline" }).catch(() => {}); // whoever is gone already need not say so
  signOut();
};

// A link may carry a name and token behind "#", which no server ever sees.
const link = new URLSearchParams(location.hash.slice(1));
if (location.hash) history.replaceState(null, "", location.pathname);
if (link.get("token")) {
  signIn({ name: link.get("name"), token: link.get("token"), admin: link.get("admin") || "" });
  if (link.get("to")) {
    $("to").value = link.get("to");
    $("body").focus();
  }
} else if (sessionStorage.getItem("me")) {
  signIn(JSON.parse(sessionStorage.getItem("me")));
} else {
  screen();
  $("name").focus();
}
