"""terminal.py STEPS COMMAND...: runs a command on a terminal of its own and types into it.

STEPS is a JSON list of [PROMPT, KEYS]: once the terminal shows PROMPT, after what it showed before the last keys, the KEYS
are typed. A step may take 90 s, for a machine that has much else to do. Prints as JSON the command's exit status, all that the terminal showed, and whether it was left as it was.
"""

import fcntl, json, os, pty, re, select, subprocess, sys, termios, time

steps, *command = json.loads(sys.argv[1]), *sys.argv[2:]
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
screen, seen, ended = b"", 0, False
deadline = time.monotonic() + 90
while True:
    if select.select([ours], [], [], 0.05)[0]:
        screen += os.read(ours, 65536)
    elif ended:
        break
    # Without escapes, bells and what moves the cursor back, as prompts that redraw themselves need them.
    shown = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|[\a\b\r]", b"", screen[seen:])
    if steps and steps[0][0].encode() in shown:
        seen = len(screen)
        os.write(ours, steps.pop(0)[1].encode())
        deadline = time.monotonic() + 90
    if time.monotonic() > deadline:
        process.kill()
        sys.exit(f"expected {steps[:1]} on the terminal, found {screen[seen:]!r}")
    ended = process.poll() is not None
intact = termios.tcgetattr(theirs) == before
print(json.dumps({"code": process.returncode, "screen": screen.decode(), "intact": intact}))
