"""One module per family of speech generators; each yields `Clip` objects and needs its program or package installed."""
