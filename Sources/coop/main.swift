import Glibc
import LinuxKernel
import NativeEngine
import Sandbox
import WardenProtocol
import CoopErrors
// bring-up
let cmd = Array(CommandLine.arguments.dropFirst())
let home = String(cString: getenv("HOME"))
var buf = [CChar](repeating: 0, count: 4096)
getcwd(&buf, 4096)
let cwd = String(cString: buf)
mkdir("/tmp/coophome", 0o777)
do {
  let spec = SandboxSpec(id: "test12345678", workspace: Workspace(path: cwd, mode: .bind), home: Home(path: home, source: "/tmp/coophome"),
    environment: [EnvironmentVariable(name: "PATH", value: "/usr/local/bin:/usr/bin:/bin", origin: "x"), .init(name: "TERM", value: "xterm", origin: "x"), .init(name: "HOME", value: home, origin: "x")],
    user: User(name: "u", id: getuid(), group: getgid(), groupName: "u", shell: "/bin/bash"), workingDirectory: cwd, command: cmd)
  let e = NativeEngine(wardenPath: String(cString: getenv("COOP_WARDEN")))
  let loop = EventLoop()
  let s = try e.launch(spec)
  let sup = Supervisor(sandbox: s, loop: loop)
  var p: [Int32] = [0,0]
  socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &p)
  sup.serve(Descriptor(owning: p[0]), ownsSandbox: true)
  let client = CommandClient(socket: Descriptor(owning: p[1]), loop: loop, plan: try StreamPlan())
  try client.start(cmd)
  try loop.run()
  if let f = sup.failure { print(f); exit(125) }
  try s.release(); exit(client.end?.code ?? 99)
} catch { print("ERR", error); exit(125) }
