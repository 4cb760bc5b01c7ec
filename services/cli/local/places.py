"""Where things of the local stack lie in a checkout; all of it under build/, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = ROOT / "build"
SERVERS = BUILD / "servers"  # programs that `make setup` brought
STACK = BUILD / "stack"  # the data, logs and state of `carillon up`
MONGOD_LOCK = ROOT / "deploy" / "local" / "requirements.lock"
