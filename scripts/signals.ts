/**
 * SIGTERM and SIGINT, caught from a program's first statement on. The first process of a container has no default way to end, so
 * that a signal which nobody catches is lost. A script imports this, and everything else by `import()` after its first
 * `onSignal`: what is imported in the usual way would all be loaded before that.
 */
let act: (() => unknown) | undefined;
let signalled = false;

function caught(): void {
  if (signalled) process.exit(1);
  signalled = true;
  act?.();
}

/** @param first what the first signal does from now on; a second one ends the process at once, with 1 */
export function onSignal(first: () => unknown): void {
  if (!act) for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, caught);
  act = first;
}
