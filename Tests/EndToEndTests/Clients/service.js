// What real clients talk to: HTTP/1.1 and HTTP/2 on one TLS port, with git, a package index, gRPC, WebSocket and events.
// Requests to a host whose name begins with `granted.` must carry the real secret.
// node service.js CERTIFICATE KEY DIRECTORY SECRET; prints its port; ends with its standard input.
const crypto = require("crypto"), fs = require("fs"), http2 = require("http2"), path = require("path"), { spawn } = require("child_process");
const [certificate, key, directory, secret] = process.argv.slice(2);
const basic = "Basic " + Buffer.from("git:" + secret).toString("base64");

function admitted(request) {
  const host = request.headers[":authority"] || request.headers.host || "";
  return !host.startsWith("granted.") || [basic, "Bearer " + secret].includes(request.headers.authorization);
}

function git(request, response, url) {
  const child = spawn("git", ["http-backend"], { env: {
    PATH: process.env.PATH, GIT_PROJECT_ROOT: directory, GIT_HTTP_EXPORT_ALL: "1", PATH_INFO: url.pathname, REMOTE_USER: "git",
    QUERY_STRING: url.search.slice(1), REQUEST_METHOD: request.method, CONTENT_TYPE: request.headers["content-type"] || "",
    HTTP_CONTENT_ENCODING: request.headers["content-encoding"] || "", GIT_PROTOCOL: request.headers["git-protocol"] || "",
  } });
  request.pipe(child.stdin);
  child.stdin.on("error", () => {});
  let head = Buffer.alloc(0), isOpen = false;
  child.stdout.on("data", (chunk) => {
    if (isOpen) return response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    let status = 200;
    for (const line of head.subarray(0, end).toString().split("\r\n")) {
      const [name, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()];
      if (name.toLowerCase() === "status") status = parseInt(value); else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
    isOpen = true;
  });
  child.on("close", () => response.end());
}

function file(response, name) {
  if (!fs.existsSync(name) || !fs.statSync(name).isFile()) { response.writeHead(404); return response.end(); }
  response.end(fs.readFileSync(name));
}

function packages(request, response, url) {
  const [, kind, name, rest] = url.pathname.split("/");
  if (kind === "simple") {
    response.setHeader("content-type", "text/html");
    const wheel = fs.readdirSync(directory).find((entry) => entry.endsWith(".whl"));
    return response.end(`<!DOCTYPE html><html><body><a href="/files/${wheel}">${wheel}</a></body></html>`);
  }
  if (kind === "files") return file(response, path.join(directory, path.basename(url.pathname)));
  const host = request.headers[":authority"] || request.headers.host;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ name: "coop-test-package", "dist-tags": { latest: "1.0.0" }, versions: { "1.0.0": {
    name: "coop-test-package", version: "1.0.0", dist: { tarball: `https://${host}/files/coop-test-package-1.0.0.tgz` } } } }));
}

const server = http2.createSecureServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key), allowHTTP1: true });
server.on("request", (request, response) => {
  const url = new URL(request.url, "https://service");
  if (!admitted(request)) {
    response.writeHead(401, { "www-authenticate": "Basic realm=test" });
    return response.end("no credential\n");
  }
  if (url.pathname.startsWith("/git/")) return git(request, response, new URL(request.url.slice(4), "https://service"));
  if (/^\/(simple|files|coop-test-package)/.test(url.pathname)) return packages(request, response, url);
  if (url.pathname === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let count = 1; count <= 3; count++) response.write(`data: ${count}\n\n`);
    return response.end();
  }
  if (url.pathname === "/coop.Test/Echo") {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      response.writeHead(200, { "content-type": "application/grpc" });
      response.addTrailers({ "grpc-status": "0" });
      response.end(Buffer.concat(parts));
    });
    return;
  }
  if (request.method === "POST") {
    // As a whole: node 20 now and then closes a connection of HTTP/1.1 after an answer that began before its request had ended.
    const parts = [];
    request.on("data", (part) => parts.push(part));
    return request.on("end", () => response.end(Buffer.concat(parts)));
  }
  response.end(`hello ${request.httpVersion}\n`);
});
server.on("upgrade", (request, socket) => {
  if (!admitted(request)) return socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
  const accept = crypto.createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  socket.on("error", () => {});
  socket.on("data", (frame) => {
    // One short masked frame at a time, which is what the test sends.
    const length = frame[1] & 0x7f, mask = frame.subarray(2, 6);
    const payload = frame.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]);
    socket.write(Buffer.concat([Buffer.from([frame[0], length]), payload]));
  });
});
server.on("error", () => {});
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log("PORT", server.address().port, "END"));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
