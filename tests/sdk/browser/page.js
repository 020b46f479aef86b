// What a page of the checks runs, in jsdom and in a real browser: the SDK's browser bundle, loaded before this script,
// with a page's own privileges. Every function returns what the page got to see, as JSON.

"use strict";

let sdk;
let reported = [];

/** A client of its own, as a page makes one when it loads. */
async function start(options) {
  reported = [];
  sdk = index.createFlagsmithInstance();
  return look(() => sdk.init({ ...options, onError: (error) => reported.push(`${error.message}`) }));
}

/** Calls a method of the client, and looks at it when that is done. */
async function call(method, ...parameters) {
  return look(() => sdk[method](...parameters));
}

/** What a method of the client returns. */
async function ask(method, ...parameters) {
  return JSON.stringify(await sdk[method](...parameters));
}

async function look(action) {
  let rejected = null;
  try {
    await action();
  } catch (error) {
    rejected = `${error.message}`;
  }
  const flags = Object.entries(sdk.getAllFlags()).map(([name, { id, enabled, value }]) => [name, [id, enabled, value]]);
  return JSON.stringify({
    flags: Object.fromEntries(flags),
    identity: sdk.identity ?? null,
    traits: sdk.getAllTraits(),
    source: sdk.loadingState.source,
    timestamp: sdk.timestamp,
    rejected,
    reported,
  });
}

/** A plain request, without the SDK: all that the page may read of the answer. */
function read(method, url, headers, withCredentials = false) {
  const request = new XMLHttpRequest();
  return new Promise((finished) => {
    request.onloadend = () => {
      const lines = request.getAllResponseHeaders().trim().split(/\r?\n/).filter((line) => line);
      const names = lines.map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
      finished(JSON.stringify({ status: request.status, body: request.responseText, headers: names.sort() }));
    };
    request.open(method, url);
    request.withCredentials = withCredentials;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send();
  });
}
