"""What no report computes, on invented people of known truth: coverage of intervals, and bias where assumptions break."""
