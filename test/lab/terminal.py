"""terminal.py PROMPT KEYS COMMAND...: runs a command on a terminal of its own and types KEYS once it shows PROMPT.

Prints as JSON its exit status, all that the terminal showed, and whether the terminal was left as it was.
"""

import fcntl, json, os, pty, select, subprocess, sys, termios

prompt, keys, *command = sys.argv[1:]
ours, theirs = pty.openpty()
before = termios.tcgetattr(theirs)
process = subprocess.Popen(
    command,
    stdin=theirs,
    stdout=theirs,
    stderr=theirs,
    start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
)
screen, typed, ended = b"", False, False
while True:
    if select.select([ours], [], [], 0.05)[0]:
        screen += os.read(ours, 65536)
    elif ended:
        break
    if not typed and prompt.encode() in screen:
        os.write(ours, keys.encode())
        typed = True
    ended = process.poll() is not None
intact = termios.tcgetattr(theirs) == before
print(json.dumps({"code": process.returncode, "screen": screen.decode(), "intact": intact}))
