"""Steps on a Spark cluster: the same kernels as on one machine, part by part, on executors.

`engines` picks an engine by its address, `session` opens and closes Spark so that it leaves no trace, `engine` moves
parts, `worker` is what runs on executors, `machine` says what is missing. Nothing outside imports pyspark.

Security properties: parts travel as Arrow blobs over encrypted connections and lie in encrypted blocks; only the encode
step is given rows with identities, and no step that is (`Step` over parts of the driver) shuffles; a kernel's error
becomes its place in the code before Spark hears of it; user interface and event log are off.
"""
