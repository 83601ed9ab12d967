import { connect, createServer, type Socket } from 'node:net';

// Runs in the network namespace of one container and nowhere else: passes connections to a Unix socket on to the port on
// which the container serves, so that the container needs no address outside its own loopback.

const RETRY_MS = 20;

const [socketPath = '', port = ''] = process.argv.slice(2);

const server = createServer((outside) => {
  const inside = connect(Number(port), '127.0.0.1');
  const end = (): void => {
    outside.destroy();
    inside.destroy();
  };
  for (const socket of [outside, inside]) socket.on('error', end).on('close', end);
  outside.pipe(inside).pipe(outside);
});

/** Says so on standard output as soon as the container accepts connections. */
function awaitContainer(): void {
  const probe: Socket = connect(Number(port), '127.0.0.1');
  probe.once('connect', () => {
    probe.destroy();
    process.stdout.write('ready\n');
  });
  probe.once('error', () => setTimeout(awaitContainer, RETRY_MS));
}

server.listen(socketPath, awaitContainer);
// The channel to the agent closes with the agent.
process.stdin.resume().once('end', () => process.exit(0));
