// Turns SIGSEGV, SIGBUS, SIGFPE and SIGILL of a kernel into the errors that a GPU gives, and leaves all others to the
// handlers that were there before (those of .NET, say).
#pragma once

namespace softcuda
{
void install_fault_handlers();

// The signal that the watchdog sends to a thread whose kernel runs too long.
int interrupt_signal();

// Gives the calling thread a stack for signal handlers if it has none.
void prepare_signal_stack();
}
