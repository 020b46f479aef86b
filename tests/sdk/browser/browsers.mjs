// Two browsers: jsdom, and a real Chromium without a window. Both open the same page at any origin.
//
// A browser is `{ name, rememberedPreflights, open(origin), close() }`; what it opens is a function that calls one of
// those in `page.js` and returns what it returned.

import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { Script } from "node:vm";

/** `which`: `jsdom`, or the path of a Chromium. `modules`: where `npm ci` was run. */
export async function launch(which, modules) {
  const require = createRequire(resolve(modules, "package.json"));
  const scripts = {
    "/flagsmith.js": readFileSync(require.resolve("@flagsmith/flagsmith"), "utf8"),
    "/page.js": readFileSync(new URL("page.js", import.meta.url), "utf8"),
  };
  if (which === "jsdom") return jsdom(require("jsdom"), require("eventsource"), scripts);
  return chromium(require("playwright-core").chromium, which, scripts);
}

function jsdom({ JSDOM, VirtualConsole }, { EventSource }, scripts) {
  const windows = [];
  return {
    name: "jsdom",
    rememberedPreflights: false,
    async open(origin) {
      // A console that prints nothing: refused requests are what is checked.
      const options = { url: `${origin}/`, runScripts: "outside-only", virtualConsole: new VirtualConsole() };
      const page = new JSDOM("<!doctype html>", options);
      const { window } = page;
      windows.push(window);
      // Of all that the SDK needs, what jsdom does not have.
      window.EventSource = EventSource;
      for (const script of Object.values(scripts)) new Script(script).runInContext(page.getInternalVMContext());
      return async (name, ...parameters) => JSON.parse(await window.eval(name)(...parameters));
    },
    async close() {
      for (const window of windows) window.close();
    },
  };
}

async function chromium(driver, executablePath, scripts) {
  const server = await serve(scripts);
  // Pages come from this server, whatever their origin; addresses, such as the edge's, are left alone.
  const pages = `--host-resolver-rules=MAP *.example 127.0.0.1:${server.address().port}`;
  const browser = await driver.launch({ executablePath, args: [pages, "--no-proxy-server"] });
  const context = await browser.newContext();
  return {
    name: `Chromium ${browser.version()}`,
    rememberedPreflights: true,
    async open(origin) {
      const page = await context.newPage();
      await page.goto(`${origin}/`);
      const run = ([name, parameters]) => globalThis.eval(name)(...parameters);
      return async (name, ...parameters) => JSON.parse(await page.evaluate(run, [name, parameters]));
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** The pages' own server: the page at `/`, and its scripts. */
async function serve(scripts) {
  const tags = Object.keys(scripts).map((path) => `<script src="${path}"></script>`);
  const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${tags.join("")}`;
  const server = http.createServer(({ url }, response) => {
    if (url === "/") response.setHeader("content-type", "text/html").end(page);
    else if (url in scripts) response.setHeader("content-type", "text/javascript").end(scripts[url]);
    else response.writeHead(404).end();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}
