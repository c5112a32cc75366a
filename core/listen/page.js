"use strict";
// The terminal decides what is heard; this page plays it and says what it does. Space, arrows and r work here as well.

const RETRY_MS = 2000;
const TELL_MS = 500;  // how often a clip that plays tells where it is
const LEAD_S = 1.5;   // what is heard of the neighbours, until the clip's facts say it exactly
const KEPT = 24;      // clips

const page = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2);
const $ = id => document.getElementById(id);
const audio = new Audio();
const form = audio.canPlayType('audio/ogg; codecs="opus"') ? "opus" : "wav";

let enabled = false;    // sound is allowed here
let unlocking = null;   // the browser is being asked to allow it: a promise; the element is left alone until then
let yielded = false;    // another tab plays now
let wanted = null;      // the last request to play: {clip, around, rate}
let shown = null;       // the segment whose text is on the page; another than `wanted` when the cursor has moved on
let asked = 0;          // counts requests: what an older one was waiting for is of no use any more
let loading = false;    // what is wanted has not begun yet
let failed = "";        // why what is wanted cannot be played

// ---- clips: the one that is wanted has the line to itself; what may come next is fetched behind it, one by one

const clips = new Map();  // name -> {url: promise of an object URL, stop: AbortController, done}
let upcoming = [];        // segments to be fetched next

const nameOf = (clip, around) => `${encodeURIComponent(clip)}?form=${form}${around ? "&around=1" : ""}`;

function fetched(name) {
  let clip = clips.get(name);
  if (!clip) {
    clip = { stop: new AbortController(), done: false };
    clip.url = fetch(`clip/${name}`, { signal: clip.stop.signal }).then(async answer => {
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const url = URL.createObjectURL(await answer.blob());
      clip.done = true;
      return url;
    });
    clip.url.catch(() => { if (clips.get(name) === clip) clips.delete(name); });
    clips.set(name, clip);
    if (clips.size > KEPT) drop(clips.keys().next().value);
  }
  return clip.url;
}

function drop(name) {
  const clip = clips.get(name);
  clips.delete(name);
  clip.stop.abort();
  clip.url.then(url => { if (url !== audio.src) URL.revokeObjectURL(url); }, () => {});
}

function clearLine(name) {  // all that is on its way gives way to the clip of this name
  for (const [other, clip] of [...clips]) if (other !== name && !clip.done) drop(other);
}

let fetching = false;

async function fetchUpcoming() {
  if (fetching || loading) return;
  fetching = true;
  while (upcoming.length && !loading) {
    try { await fetched(nameOf(upcoming.shift(), false)); } catch { /* asked for again when it is played */ }
  }
  fetching = false;
}

// ---- what is seen

let facts = null;  // of `shown`: {title, text, peaks, lead_s, length_s, clip, around}

async function show(clip, around) {
  const mine = asked;
  shown = clip;
  $("title").textContent = clip;
  try {
    const answer = await fetch(`facts/${encodeURIComponent(clip)}${around ? "?around=1" : ""}`);
    if (mine !== asked || !answer.ok) return;
    facts = { ...await answer.json(), clip, around };
    $("title").textContent = facts.title || clip;
    $("text").textContent = facts.text;
    draw();
  } catch { /* the sound matters more */ }
}

function draw() {
  const canvas = $("wave"), ink = canvas.getContext("2d"), { width, height } = canvas;
  ink.clearRect(0, 0, width, height);
  if (!facts || !facts.peaks.length) return;
  const playing = wanted && facts.clip === wanted.clip;
  const top = Math.max(1, ...facts.peaks), step = width / facts.peaks.length;
  const total = playing && audio.duration || facts.lead_s + facts.length_s || 1;
  ink.fillStyle = "rgba(128,128,128,.18)";
  ink.fillRect(0, 0, width * facts.lead_s / total, height);
  const end = (facts.lead_s + facts.length_s) / total;
  if (end < .99) ink.fillRect(width * end, 0, width * (1 - end), height);
  ink.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--wave");
  facts.peaks.forEach((peak, at) => {
    const size = Math.max(2, peak / top * height);
    ink.fillRect(at * step, (height - size) / 2, Math.max(1, step - 1), size);
  });
  ink.fillStyle = "#d33";
  if (playing) ink.fillRect(width * (audio.currentTime / total), 0, 2, height);
}

(function frame() { if (!audio.paused) draw(); requestAnimationFrame(frame); })();

// ---- what is heard

function stateNow() {
  if (!enabled) return "ready";
  if (loading) return "loading";
  if (failed) return "failed";
  if (!audio.paused) return "playing";
  return wanted && !audio.ended && audio.currentTime ? "paused" : "idle";
}

function tell() {  // the terminal, what this page does
  if (unlocking) return;
  const state = stateNow();
  $("state").textContent = state;
  const exact = facts && wanted && facts.clip === wanted.clip && facts.around === Boolean(wanted.around);
  const lead = !wanted || !wanted.around ? 0 : exact ? facts.lead_s : LEAD_S;
  const at_s = (audio.currentTime || 0) - lead;
  const body = JSON.stringify({ page, state, clip: wanted ? wanted.clip : "", at_s, why: failed });
  fetch("report", { method: "POST", body, keepalive: true }).catch(() => {});
}

async function play(message) {
  const mine = ++asked, name = nameOf(message.clip, message.around);
  wanted = message;
  loading = true;
  failed = "";
  upcoming = message.ahead || [];
  clearLine(name);
  if (!unlocking) audio.pause();
  const coming = fetched(name);
  show(message.clip, Boolean(message.around));
  let url = null;
  try { url = await coming; } catch (error) { if (mine === asked) failed = error.message || "no answer"; }
  while (unlocking) await unlocking;
  if (mine !== asked) return;
  loading = false;
  if (failed) {
    tell();
  } else {
    if (audio.src !== url) audio.src = url;
    audio.currentTime = 0;
    setRate(message.rate || 1);
    await start();
  }
  fetchUpcoming();
}

async function start() {
  if (!enabled) { tell(); return; }
  try { await audio.play(); } catch (error) {
    if (error.name === "NotAllowedError") lock();
    else if (error.name !== "AbortError") { failed = error.message; tell(); }  // aborted: something else was asked for
  }
}

function follow(message) {  // the cursor is on a row; so much may come next
  if (loading || !audio.paused) { upcoming = message.ahead; return; }
  ++asked;
  if (message.clip !== shown) show(message.clip, false);
  upcoming = [message.clip, ...message.ahead];
  fetchUpcoming();
}

function setRate(rate) {
  audio.preservesPitch = true;
  audio.playbackRate = rate;
  $("rate").textContent = rate === 1 ? "" : `×${rate}`;
}

const orders = {
  play, follow,
  pause() { audio.pause(); },
  resume: start,
  seek(message) {
    audio.currentTime = Math.max(0, audio.currentTime + message.by_s);
    tell();
    draw();
  },
  rate(message) { setRate(message.rate); },
  beat(message) { silentMs = message.silent_ms; tell(); },
  yield() {
    yielded = true;
    audio.pause();
    events.close();
    $("title").textContent = "another tab plays now; reload to take over";
  },
};

for (const kind of ["playing", "pause", "ended"]) audio.addEventListener(kind, () => { tell(); draw(); });
setInterval(() => { if (!audio.paused) tell(); }, TELL_MS);

addEventListener("keydown", event => {
  if (!enabled) return;
  if (event.key === " ") {
    event.preventDefault();
    if (shown && (!wanted || shown !== wanted.clip)) play({ clip: shown, rate: audio.playbackRate });
    else if (audio.paused) start();
    else audio.pause();
  }
  if (event.key === "r" && wanted) play(wanted);
  if (event.key === "ArrowLeft") orders.seek({ by_s: -1 });
  if (event.key === "ArrowRight") orders.seek({ by_s: 1 });
});

// ---- the browser's leave to be heard: after a click, or at once where it remembers one from before a reload

async function unlock() {
  while (unlocking) await unlocking;
  unlocking = playNothing();
  await unlocking;
  unlocking = null;
  $("cover").hidden = enabled;
  if (enabled && wanted) play(wanted); else tell();
}

async function playNothing() {
  // Some browsers free only the very element that played during the click: a moment of nothing does it.
  audio.src = URL.createObjectURL(silence());
  try { await audio.play(); enabled = true; } catch { /* it takes the click */ }
  audio.pause();
  audio.removeAttribute("src");
  await new Promise(done => setTimeout(done, 50));  // what the element tells of it is not for the terminal
}

function lock() {
  enabled = false;
  $("cover").hidden = false;
  tell();
}

function silence() {  // a wav of 800 samples of zero
  const bytes = new DataView(new ArrayBuffer(44 + 1600));
  const text = (at, word) => [...word].forEach((letter, place) => bytes.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF"); bytes.setUint32(4, 36 + 1600, true); text(8, "WAVEfmt "); bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true); bytes.setUint16(22, 1, true); bytes.setUint32(24, 16000, true);
  bytes.setUint32(28, 32000, true); bytes.setUint16(32, 2, true); bytes.setUint16(34, 16, true);
  text(36, "data"); bytes.setUint32(40, 1600, true);
  return new Blob([bytes], { type: "audio/wav" });
}

$("enable").addEventListener("click", unlock);

// ---- the line: an EventSource gives up where it is answered wrongly (another app on this port), and does not notice a
// tunnel that went dead without a word, as one does while the machine sleeps

let events = null, heardAt = Date.now(), silentMs = 25000;

function connect() {
  if (events) events.close();
  heardAt = Date.now();
  events = new EventSource(`events?page=${page}`);
  events.onerror = () => {
    $("state").textContent = "the line is broken; it comes back by itself";
    if (events.readyState === EventSource.CLOSED && !yielded) setTimeout(reconnect, RETRY_MS);
  };
  events.onmessage = event => {
    heardAt = Date.now();
    const message = JSON.parse(event.data);
    if (!yielded) (orders[message.do] || (() => {}))(message);
  };
}

function reconnect() {
  if (!yielded && events.readyState === EventSource.CLOSED) connect();
}

function checkLine() {
  if (!yielded && Date.now() - heardAt > silentMs) connect();
}

(function watch() { checkLine(); setTimeout(watch, silentMs / 5); })();
for (const wake of ["online", "pageshow"]) addEventListener(wake, checkLine);
document.addEventListener("visibilitychange", checkLine);

unlock();
connect();
