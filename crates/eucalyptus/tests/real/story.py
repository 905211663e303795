"""What the stories of the Python clients share. Arguments of each: image id, directory for keys.

`connect` is the client's own block of docs/clients.md.
"""

import os
import subprocess
import sys
import time

emi, directory = sys.argv[1:]
# the longer form stops and starts the instance too
LONG = "CLIENT_STORIES" in os.environ
USER_DATA = "#!/bin/sh\necho user data was here >/dev/console\n"


def until(what, look):
    """What `look` answers, once it is not false."""
    end = time.monotonic() + 180
    while not (answer := look()):
        if time.monotonic() > end:
            sys.exit(f"no {what} within three minutes")
        time.sleep(0.5)
    return answer


def save_key(name, material):
    """Writes a private key; its file."""
    path = os.path.join(directory, name + ".pem")
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as out:
        out.write(material)
    return path


def wait_ssh(key_file, address):
    """Waits until an instance lets us in."""
    options = "StrictHostKeyChecking=no UserKnownHostsFile=/dev/null ConnectTimeout=5 BatchMode=yes"
    command = ["timeout", "30", "ssh", "-i", key_file]
    command += [word for option in options.split() for word in ("-o", option)]
    command += [f"root@{address}", "uname"]

    def logged_in():
        return subprocess.run(command, capture_output=True, text=True).stdout == "Linux\n"

    until("ssh to " + address, logged_in)
