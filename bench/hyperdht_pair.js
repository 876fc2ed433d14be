// SPDX-License-Identifier: Apache-2.0
// hyperdht's stream between two processes: `serve ADDR` prints its key and throws away what comes, answering
// each client's last byte with one; `send ADDR PORT KEY BYTES` pours and prints one line of JSON.
const DHT = require('hyperdht')

const PIECE = Buffer.alloc(256 * 1024)

function cpu () {
  const u = process.cpuUsage()
  return (u.user + u.system) / 1e6
}

async function serve (address) {
  const root = DHT.bootstrapper(49737, address)
  await root.fullyBootstrapped()
  const port = root.address().port
  const node = new DHT({ bootstrap: [{ host: address, port }], host: address, firewalled: false })
  const server = node.createServer(socket => {
    let left = -1
    socket.on('error', () => {})
    socket.on('data', data => {
      if (left < 0) {
        left = Number(data.readBigUInt64LE(0))
        data = data.subarray(8)
      }
      left -= data.length
      if (left > 0) return
      socket.write(JSON.stringify({ cpu: cpu() }))
    })
  })
  await server.listen()
  console.log(JSON.stringify({ port, key: server.publicKey.toString('hex') }))
}

async function send (address, port, key, bytes) {
  const node = new DHT({ bootstrap: [{ host: address, port: Number(port) }] })
  const socket = node.connect(Buffer.from(key, 'hex'))
  await new Promise((resolve, reject) => { socket.once('open', resolve); socket.once('error', reject) })
  const begin = process.hrtime.bigint()
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(bytes))
  socket.write(size)
  const answer = new Promise(resolve => socket.once('data', resolve))
  for (let left = bytes; left > 0; left -= PIECE.length) {
    if (!socket.write(PIECE.subarray(0, Math.min(left, PIECE.length)))) {
      await new Promise(resolve => socket.once('drain', resolve))
    }
  }
  const receiver = JSON.parse((await answer).toString())
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9
  console.log(JSON.stringify({ bytes, seconds, rate: bytes / seconds, sender_cpu: cpu(), receiver_cpu: receiver.cpu }))
  process.exit(0)
}

const [what, ...args] = process.argv.slice(2)
if (what === 'serve') serve(args[0])
else send(args[0], args[1], args[2], Number(args[3]))
