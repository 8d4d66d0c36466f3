"""Attacks on linkage files by somebody without the key, and what each encoding leaves to them.

What it does   encodes people five ways, attacks each (frequency, pattern mining, graph matching), counts who is named.
What enters    people in clear: synthetic, or the user's own registers, which never leave the process.
What leaves    shares of people re-identified, beside the share that guessing gets right. Low numbers are lower bounds
               on risk: a better attack, a better list or a larger file can only do more.
May import     schemas, linkage.
"""
