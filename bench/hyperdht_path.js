// SPDX-License-Identifier: Apache-2.0
// hyperdht through two NATs, for bench/pairs.py. `world ADDR...`: a DHT of one node an address, the first one the
// bootstrapper; prints its port. `a ADDR PORT`: prints a key, and answers. `b ADDR PORT`: reads the key, connects, and
// prints how long that took, the node having joined the DHT and looked at its NAT before.
const DHT = require('hyperdht')
const readline = require('readline')

const say = o => console.log(JSON.stringify(o))

async function world (addresses) {
  const root = DHT.bootstrapper(49737, addresses[0])
  await root.fullyBootstrapped()
  const bootstrap = [{ host: addresses[0], port: root.address().port }]
  for (const host of addresses.slice(1)) {
    const node = new DHT({ bootstrap, host, port: 49737, ephemeral: false, firewalled: false })
    await node.fullyBootstrapped()
  }
  say({ port: root.address().port })
}

async function main (side, host, port) {
  const node = new DHT({ bootstrap: [{ host, port: Number(port) }] })
  await node.fullyBootstrapped()
  if (side === 'a') {
    const server = node.createServer(socket => {
      socket.on('error', () => {})
      socket.on('data', data => socket.write(data))
    })
    await server.listen()
    say({ key: server.publicKey.toString('hex') })
    return
  }
  say({ ready: true })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const begin = process.hrtime.bigint()
    const socket = node.connect(Buffer.from(line.trim(), 'hex'))
    const end = (connected, error) => say({ connected, error, elapsed_ms: Number(process.hrtime.bigint() - begin) / 1e6 })
    socket.once('open', () => end(true))
    socket.once('error', e => end(false, e.code || e.message))
  }
}

const [what, ...args] = process.argv.slice(2)
if (what === 'world') world(args)
else main(what, ...args)
