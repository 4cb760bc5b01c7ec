"""`python -m services.planner`: plans sends and feeds their slices to delivery."""

from services.planner.settings import PlannerSettings
from services.planner.wiring import main
from shared.runtime.loop import plain_sockets
from shared.runtime.start import start

if __name__ == "__main__":
    start(
        "planner",
        PlannerSettings,
        main,
        about="plans sends, feeds slices, sweeps what is owed, reads AMQP commands",
        loop=plain_sockets,
    )
