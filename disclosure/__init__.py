"""Everything that decides what may leave: rules, blanks, attacks, noise, the budget, the log.

What it does   blanks and certifies (`suppress`, `attack`), draws noise under a budget (`noise`, `ledger`), keeps the log and the
               states of releases (`log`, `states`, `publication`), reads releases back and checks them (`reader`, `verify`).
What enters    exact tables with their contributors, policies, what was released before.
What leaves    protected tables, certificates for the state store, leaves, checkpoints; or a refusal.
May import     `schemas` only. It never sees a register, an encoding or a name.
"""
