"""Options that several flows share."""

from __future__ import annotations

from typing import Annotated

import typer

User = Annotated[str, typer.Option("--user-id", metavar="ID", help="The user.", show_default=False)]
Transaction = Annotated[str | None, typer.Option("--transaction-id", metavar="ID", help="The transaction.")]
Email = Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="Mail address of the person.")]
Device = Annotated[str | None, typer.Option("--device-id", metavar="ID", help="The device.")]
IpAddress = Annotated[str | None, typer.Option("--ip-address", metavar="IP", help="Address of the device.")]
SimSwap = Annotated[
    bool | None, typer.Option("--recent-sim-swap/--no-sim-swap", help="Whether the SIM was swapped lately.")
]
