// Two browsers: jsdom, and a real Chromium without a window.
//
// A browser is `{ name, open(), close() }`; what it opens is a function that calls one of the functions of `page.mjs`.

import { readFileSync } from "node:fs";
import http from "node:http";
import { dirname, resolve, sep } from "node:path";
import { page } from "./page.mjs";

const ORIGIN = "http://app.example";
const PAGE = new URL("page.mjs", import.meta.url);

/** `which`: `jsdom`, or the path of a Chromium; `require` finds OpenFeature's packages, `browserRequire` the browsers. */
export function launch(which, require, browserRequire) {
  if (which === "jsdom") return jsdom(browserRequire("jsdom"), browserRequire("eventsource"), require);
  return chromium(browserRequire("playwright-core").chromium, which, require);
}

/** The SDK has one API object, so there is one page at a time. */
function jsdom({ JSDOM }, { EventSource }, require) {
  let window;
  // What jsdom does not have.
  globalThis.EventSource = EventSource;
  return {
    name: "jsdom",
    async open() {
      window?.close();
      ({ window } = new JSDOM("<!doctype html>", { url: `${ORIGIN}/` }));
      for (const name of ["window", "document", "localStorage"]) {
        Object.defineProperty(globalThis, name, { value: name === "window" ? window : window[name], configurable: true });
      }
      const { OpenFeature } = require("@openfeature/web-sdk");
      const { OFREPWebProvider } = require("@openfeature/ofrep-web-provider");
      await OpenFeature.clearProviders();
      const opened = page({ OpenFeature, OFREPWebProvider });
      return (name, ...parameters) => opened[name](...parameters);
    },
    async close() {
      window?.close();
    },
  };
}

async function chromium(driver, executablePath, require) {
  const server = await serve(require);
  const pages = `--host-resolver-rules=MAP *.example 127.0.0.1:${server.address().port}`;
  const browser = await driver.launch({ executablePath, args: [pages, "--no-proxy-server"] });
  let context;
  return {
    name: `Chromium ${browser.version()}`,
    async open() {
      await context?.close();
      context = await browser.newContext();
      const opened = await context.newPage();
      await opened.goto(`${ORIGIN}/`);
      await opened.evaluate(async () => {
        const sdk = await import("@openfeature/web-sdk");
        const provider = await import("@openfeature/ofrep-web-provider");
        globalThis.opened = (await import("/page.mjs")).page({ ...sdk, ...provider });
      });
      const call = ([name, parameters]) => globalThis.opened[name](...parameters);
      return (name, ...parameters) => opened.evaluate(call, [name, parameters]);
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** The pages' own server. Packages are served as published: an import map says where each is. */
async function serve(require) {
  const provider = dirname(require.resolve("@openfeature/ofrep-web-provider/package.json"));
  const modules = resolve(provider, "..", "..");
  const sdk = (name) => `/modules/@openfeature/${name}/dist/esm/index.js`;
  const core = dirname(require.resolve("@openfeature/ofrep-core/package.json", { paths: [provider] }));
  const imports = {
    "@openfeature/core": sdk("core"),
    "@openfeature/web-sdk": sdk("web-sdk"),
    "@openfeature/ofrep-web-provider": "/modules/@openfeature/ofrep-web-provider/index.esm.js",
    "@openfeature/ofrep-core": `/modules${core.slice(modules.length).split(sep).join("/")}/index.esm.js`,
  };
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  const html = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${map}`;
  const server = http.createServer(({ url }, response) => {
    if (url === "/") return response.setHeader("content-type", "text/html").end(html);
    const file = url === "/page.mjs" ? PAGE : url.startsWith("/modules/") && resolve(modules, `.${url.slice(8)}`);
    if (!file) return response.writeHead(404).end();
    return response.setHeader("content-type", "text/javascript").end(readFileSync(file));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return server;
}
