"""Writes ``planning.json``: values by R (stats, metafor) that planning, pilots, flips and pooling must give.

``python tests/stats/reference/make_planning.py``, with ``Rscript`` and Debian's ``r-cran-metafor`` installed.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PROGRAM = r"""
suppressMessages(library(metafor))
out <- character()
put <- function(what, given, expected)
  out <<- c(out, sprintf('{"what": "%s", "given": %s, "expected": %s}', what, given, expected))
n <- function(x) sprintf("%.15g", x)
list_of <- function(x) paste0("[", paste(sprintf("%.15g", x), collapse = ", "), "]")

# Paired t test: pairs that find a difference, by the noncentral t distribution.
for (sd in c(0.2, 0.35, 0.5, 0.667)) for (delta in c(0.03, 0.05, 0.1, 0.2))
for (power in c(0.8, 0.9)) for (m in c(1, 4)) {
  found <- power.t.test(delta = delta, sd = sd, power = power, sig.level = 0.05 / m, type = "paired")
  put("pairs", sprintf('{"sd": %s, "difference": %s, "power": %s, "comparisons": %d}', n(sd), n(delta), n(power), m),
      n(found$n))
}

# Fisher's exact test, mid-p, twice the smaller tail, from the hypergeometric distribution.
for (ka in c(3, 5, 8, 10)) for (kb in c(3, 4, 10))
for (a in unique(c(0, 1, ka %/% 2, ka))) for (b in unique(c(0, 2, kb))) {
  at <- dhyper(b, kb, ka, a + b)
  low <- phyper(b - 1, kb, ka, a + b) + at / 2
  p <- min(1, 2 * min(low, 1 - low))
  table <- sprintf('{"candidate": %d, "of_candidate": %d, "baseline": %d, "of_baseline": %d}', b, kb, a, ka)
  put("fisher_mid_p", table, n(p))
}

# Random effects by Paule and Mandel: tau^2, Q, shrunk values, the upper end of the 60% Q-profile interval.
exactly <- list(tol = 1e-12, maxiter = 10000)
pool <- function(yi, vi) {
  fit <- rma(yi, vi, method = "PM", control = exactly)
  limit <- confint(fit, level = 60, control = exactly)$random["tau^2", "ci.ub"]
  put("pool", sprintf('{"points": %s, "variances": %s}', list_of(yi), list_of(vi)),
      sprintf('{"between": %s, "between_limit": %s, "q": %s, "mean": %s, "shrunk": %s}',
              n(fit$tau2), n(limit), n(fit$QE), n(fit$b[1]), list_of(blup(fit)$pred)))
}
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
pool(c(bcg$yi), c(bcg$vi))
pool(c(28, 8, -3, 7, -1, 1, 18, 12) / 100, (c(15, 10, 16, 11, 9, 11, 10, 18) / 100)^2)  # eight schools, Rubin 1981
set.seed(7)
for (k in c(2, 3, 5, 9)) for (tau in c(0.02, 0.15)) {
  vi <- runif(k, 0.0005, 0.01)
  pool(round(rnorm(k, 0.05, sqrt(vi + tau^2)), 6), round(vi, 8))
}

# Intraclass correlation by analysis of variance, and its upper 80% limit by F.
for (case in 1:4) {
  sizes <- list(rep(4, 10), c(2, 3, 7, 1, 1, 5), rep(2, 30), c(20, 1, 1, 4, 6))[[case]]
  g <- factor(rep(seq_along(sizes), sizes))
  d <- round(rnorm(length(g), rep(rnorm(length(sizes), 0, 0.2), sizes), 0.2), 4)
  ms <- anova(lm(d ~ g))[["Mean Sq"]]
  N <- length(d); G <- length(sizes)
  m0 <- (N - sum(sizes^2) / N) / (G - 1)
  rho <- function(f) min(1, max(0, (f - 1) / (f + m0 - 1)))
  f <- ms[1] / ms[2]
  put("cluster_correlation", sprintf('{"d": %s, "sizes": %s}', list_of(d), list_of(sizes)),
      list_of(c(rho(f), rho(f / qf(0.2, G - 1, N - G)))))
}
writeLines(paste0("[\n", paste(out, collapse = ",\n"), "\n]"))
"""


def main() -> None:
    done = subprocess.run(["Rscript", "-e", PROGRAM], capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    path = Path(__file__).with_name("planning.json")
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
