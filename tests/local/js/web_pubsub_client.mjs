// Drives the official JavaScript client; argv: client URL, subprotocol (json | reliable), control URL.
// Prints one line of JSON with what it saw.
import {
  WebPubSubClient,
  WebPubSubJsonProtocol,
  WebPubSubJsonReliableProtocol,
} from "@azure/web-pubsub-client";

const [clientUrl, protocolName, controlUrl] = process.argv.slice(2);
const protocol = protocolName === "reliable" ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol();
const client = new WebPubSubClient(clientUrl, { protocol, keepAliveIntervalInMs: 50 });

const seen = { connected: [], group: [], server: [], forbidden: null, stopped: false };
const arrived = (list, count) =>
  new Promise((resolve) => {
    const timer = setInterval(() => {
      if (list.length >= count) {
        clearInterval(timer);
        resolve();
      }
    }, 10);
  });

client.on("connected", (event) => seen.connected.push({ id: event.connectionId, user: event.userId }));
client.on("group-message", ({ message }) =>
  seen.group.push(message.dataType === "binary" ? [...new Uint8Array(message.data)] : message.data),
);
client.on("server-message", ({ message }) => seen.server.push(message.data));

await client.start();
await client.joinGroup("team/Grüße");
await client.sendToGroup("team/Grüße", { n: 1 }, "json");
await client.sendToGroup("team/Grüße", "text", "text");
await client.sendToGroup("team/Grüße", new Uint8Array([0, 255]).buffer, "binary");
await client.sendEvent("ask", { question: 1 }, "json");
await arrived(seen.group, 3);
await arrived(seen.server, 1);
try {
  await client.sendToGroup("elsewhere", "x", "text");
} catch (error) {
  seen.forbidden = error.errorDetail.name;
}

await arrived(seen.connected, 1);
await fetch(`${controlUrl}/cut?connectionId=${seen.connected[0].id}`, { method: "POST" });
if (protocolName === "reliable") {
  // The same connection goes on, and is still in its group.
  await new Promise((resolve) => setTimeout(resolve, 100));
} else {
  await arrived(seen.connected, 2); // a new connection, which joins the group again
}
let sent = false;
while (!sent) {
  try {
    await client.sendToGroup("team/Grüße", "after the cut", "text");
    sent = true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50)); // not connected again yet
  }
}
await arrived(seen.group, 4);

const stopped = new Promise((resolve) => client.on("stopped", resolve));
client.stop();
await stopped;
seen.stopped = true;
console.log(JSON.stringify(seen));
process.exit(0); // the client's monitor of silence would keep the process for 40 s
