#include "fault_signals.h"

#include <signal.h>
#include <ucontext.h>

#include <cstddef>
#include <mutex>
#include <vector>

#include "memory.h"
#include "module.h"
#include "report.h"
#include "scheduler.h"

namespace softcuda
{
namespace
{
constexpr int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction previous[NSIG];

// What the handler found, for the landing that runs after it on the same thread.
struct Fault
{
    int signal;
    uintptr_t address;
    uintptr_t code;
};
thread_local Fault fault;

std::string source_of(const BlockRunner& runner, uintptr_t code)
{
    std::string line = runner.grid().function->module->source_line(code);
    return line.empty() ? line : " at " + line;
}

// Runs where the kernel faulted left off, but outside the signal handler and on a stack of its own.
void land()
{
    BlockRunner& runner = BlockRunner::current();
    std::string at = source_of(runner, fault.code);
    void* address = reinterpret_cast<void*>(fault.address);
    if (fault.signal == interrupt_signal())
    {
        runner.fail(Result::launch_timeout, format("the kernel ran longer than TIMEOUT allows%s", at.c_str()));
    }
    switch (fault.signal)
    {
    case SIGFPE:
        runner.fail(Result::launch_failed, format("integer division by zero or overflow%s", at.c_str()));
    case SIGILL:
        runner.fail(Result::launch_failed, format("trap%s", at.c_str()));
    default:
        if (runner.stacks().in_guard_page(address))
        {
            runner.fail(Result::launch_failed, format("a thread ran out of stack%s", at.c_str()));
        }
        runner.fail(Result::illegal_address, format("illegal address %p, %s%s", address,
                                                    Memory::instance().describe(fault.address).c_str(), at.c_str()));
    }
}

void go_to_landing(BlockRunner& runner, ucontext_t* context, int signal, const siginfo_t* info)
{
    uintptr_t code = static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RIP]);
    fault = {signal, reinterpret_cast<uintptr_t>(info->si_addr), code};
    // prepare() leaves six saved registers and the entry point; the handler returns straight to the entry point.
    void** prepared = static_cast<void**>(runner.landing_stack(land));
    context->uc_mcontext.gregs[REG_RSP] = reinterpret_cast<greg_t>(prepared + 7);
    context->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(prepared[6]);
}

void pass_on(int signal, siginfo_t* info, void* context)
{
    const struct sigaction& old = previous[signal];
    if ((old.sa_flags & SA_SIGINFO) != 0)
    {
        old.sa_sigaction(signal, info, context);
    }
    else if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN)
    {
        // Back to the default: the faulting instruction runs again and ends the process as it would have.
        ::signal(signal, SIG_DFL);
    }
    else
    {
        old.sa_handler(signal);
    }
}

void on_fault(int signal, siginfo_t* info, void* context)
{
    BlockRunner* runner = BlockRunner::running();
    if (runner != nullptr)
    {
        go_to_landing(*runner, static_cast<ucontext_t*>(context), signal, info);
    }
    else
    {
        pass_on(signal, info, context);
    }
}

void on_interrupt(int signal, siginfo_t* info, void* context)
{
    BlockRunner* runner = BlockRunner::running();
    if (runner == nullptr)
    {
        return;
    }
    ucontext_t* machine = static_cast<ucontext_t*>(context);
    uintptr_t code = static_cast<uintptr_t>(machine->uc_mcontext.gregs[REG_RIP]);
    if (runner->grid().function->module->contains(code))
    {
        go_to_landing(*runner, machine, signal, info);
    }
    else
    {
        // In the runtime or a library, which may hold a lock: the runtime stops the kernel at its next call.
        runner->interrupt();
    }
}
}

int interrupt_signal()
{
    return SIGRTMAX - 3;
}

void install_fault_handlers()
{
    static std::once_flag once;
    std::call_once(once,
                   []
                   {
                       struct sigaction action = {};
                       action.sa_flags = SA_SIGINFO | SA_ONSTACK;
                       action.sa_sigaction = on_fault;
                       for (int signal : fault_signals)
                       {
                           sigaction(signal, &action, &previous[signal]);
                       }
                       action.sa_flags |= SA_RESTART;
                       action.sa_sigaction = on_interrupt;
                       sigaction(interrupt_signal(), &action, nullptr);
                   });
}

void prepare_signal_stack()
{
    struct SignalStack
    {
        std::vector<char> bytes = std::vector<char>(64 * 1024);
        bool used = false;

        ~SignalStack()
        {
            if (used)
            {
                stack_t off = {};
                off.ss_flags = SS_DISABLE;
                sigaltstack(&off, nullptr);
            }
        }
    };
    static thread_local SignalStack own;
    stack_t present = {};
    if (sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) != 0)
    {
        stack_t fresh = {};
        fresh.ss_sp = own.bytes.data();
        fresh.ss_size = own.bytes.size();
        own.used = sigaltstack(&fresh, nullptr) == 0;
    }
}
}
