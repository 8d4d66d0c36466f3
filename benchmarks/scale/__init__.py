"""How time, memory and bytes moved grow with the registers, on one machine and on a local Spark cluster."""
