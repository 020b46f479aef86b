// A tap in the line between an SDK and the edge: it writes down every request, and can refuse all paths but one.
//
// What it never does: change what passes through it.

import http from "node:http";
import https from "node:https";

/**
 * Gives `use` a tap for as long as it takes, and returns what it returns.
 *
 * `edge` is where requests are passed on to; `only` the one path that is let through, any other being answered 418.
 * It listens on `port`, or on any.
 * A tap is `{ url, requests, statuses, answers }`; `requests` is what came, each as `GET /path`, refused or not; `statuses` is how the
 * edge answered, and `answers` the same, each as `GET 200`.
 */
export async function withTap({ edge, only, port = 0 }, use) {
  const [requests, statuses, answers] = [[], [], []];
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (only !== undefined && request.url !== only) {
      response.writeHead(418).end('{"detail":"refused by the tap"}');
      return;
    }
    const { host: _, connection: __, ...headers } = request.headers;
    // A path may begin with two slashes.
    const target = new URL(`${new URL(edge).origin}${request.url}`);
    const { request: open } = target.protocol === "https:" ? https : http;
    const onward = open(target, { method: request.method, headers }, (answer) => {
      statuses.push(answer.statusCode);
      answers.push(`${request.method} ${answer.statusCode}`);
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
  try {
    return await use({ url: `http://127.0.0.1:${server.address().port}`, requests, statuses, answers });
  } finally {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  }
}
