// Warp operations: a lane waits until every living lane of its mask has come to the same operation.
#include <algorithm>

#include "checker.h"
#include "report.h"
#include "scheduler.h"

namespace softcuda
{
namespace
{
bool moves_values(WarpOperation operation)
{
    return operation == WarpOperation::shuffle || operation == WarpOperation::shuffle_up ||
           operation == WarpOperation::shuffle_down || operation == WarpOperation::shuffle_xor;
}

// The lane that a shuffle reads, its own where it would leave the segment of `width` lanes.
unsigned source_lane(WarpOperation operation, unsigned lane, int argument, int width)
{
    int own = static_cast<int>(lane);
    int begin = own & ~(width - 1);
    int source = own;
    switch (operation)
    {
    case WarpOperation::shuffle:
        source = begin | (argument & (width - 1));
        break;
    case WarpOperation::shuffle_up:
        source = argument <= own - begin ? own - argument : own;
        break;
    case WarpOperation::shuffle_down:
        source = argument < begin + width - own ? own + argument : own;
        break;
    default:
        source = own ^ argument;
        source = source < begin + width ? source : own;
        break;
    }
    return static_cast<unsigned>(source) % warp_size;
}

unsigned long long combine(WarpOperation operation, unsigned long long left, unsigned long long right)
{
    auto as_signed = [](unsigned long long value) { return static_cast<int>(static_cast<unsigned>(value)); };
    auto from_signed = [](int value) { return static_cast<unsigned long long>(static_cast<unsigned>(value)); };
    switch (operation)
    {
    case WarpOperation::reduce_add:
        return static_cast<unsigned>(left + right);
    case WarpOperation::reduce_min_signed:
        return from_signed(std::min(as_signed(left), as_signed(right)));
    case WarpOperation::reduce_max_signed:
        return from_signed(std::max(as_signed(left), as_signed(right)));
    case WarpOperation::reduce_min_unsigned:
        return std::min(left, right);
    case WarpOperation::reduce_max_unsigned:
        return std::max(left, right);
    case WarpOperation::all:
    case WarpOperation::reduce_and:
        return left & right;
    case WarpOperation::any:
    case WarpOperation::reduce_or:
        return left | right;
    case WarpOperation::reduce_xor:
        return left ^ right;
    default:
        return 0;
    }
}

template <typename Visit>
void for_each_lane(unsigned lanes, Visit visit)
{
    for (; lanes != 0; lanes &= lanes - 1)
    {
        visit(static_cast<unsigned>(__builtin_ctz(lanes)));
    }
}
}

unsigned long long BlockRunner::warp(WarpOperation operation, unsigned mask, unsigned long long value, int argument,
                                     int width, unsigned line)
{
    unsigned self = state_->current;
    unsigned warp = self / warp_size;
    unsigned lane = self % warp_size;
    if ((mask >> lane & 1) == 0)
    {
        fail(Result::launch_failed, format("warp operation at line %u: the calling lane is not in its own mask %08x",
                                           line, mask));
    }
    bool power_of_two = width >= 1 && width <= static_cast<int>(warp_size) && (width & (width - 1)) == 0;
    if (moves_values(operation) && !power_of_two)
    {
        fail(Result::launch_failed, format("shuffle at line %u: the width %d is not a power of two", line, width));
    }
    Thread& thread = threads_[self];
    thread.waiting = Waiting::warp;
    thread.operation = operation;
    thread.mask = mask;
    thread.value = value;
    thread.argument = argument;
    thread.width = width;
    thread.line = line;
    warps_[warp].waiting_lanes |= 1u << lane;
    state_->parked_count++;
    if (!try_complete_warp(warp, lane, self))
    {
        park(thread);
    }
    return thread.result;
}

// Completes the operation that `lane` waits in, if all its participants have come. self: the thread that goes on by
// itself, if it is one of them.
bool BlockRunner::try_complete_warp(unsigned warp, unsigned lane, unsigned self)
{
    Thread* lanes = &threads_[warp * warp_size];
    const Thread& first = lanes[lane];
    unsigned participants = first.mask & state_->lanes_alive[warp];
    if ((warps_[warp].waiting_lanes & participants) != participants)
    {
        return false;
    }
    bool agree = true;
    for_each_lane(participants, [&](unsigned other)
                  { agree &= lanes[other].mask == first.mask && lanes[other].operation == first.operation; });
    if (!agree)
    {
        return false;
    }
    complete_warp(warp, participants, first.operation);
    if (grid_->checked)
    {
        checker_->warp_synchronised(warp, participants);
    }
    warps_[warp].waiting_lanes &= ~participants;
    state_->parked_count -= static_cast<unsigned>(__builtin_popcount(participants));
    for_each_lane(participants,
                  [&](unsigned other)
                  {
                      lanes[other].waiting = Waiting::nothing;
                      if (warp * warp_size + other != self)
                      {
                          make_ready(warp * warp_size + other);
                      }
                  });
    return true;
}

void BlockRunner::complete_warp(unsigned warp, unsigned participants, WarpOperation operation)
{
    Thread* lanes = &threads_[warp * warp_size];
    auto set_all = [&](unsigned long long result)
    { for_each_lane(participants, [&](unsigned lane) { lanes[lane].result = result; }); };

    unsigned first = static_cast<unsigned>(__builtin_ctz(participants));
    switch (operation)
    {
    case WarpOperation::sync:
        set_all(0);
        break;
    case WarpOperation::shuffle:
    case WarpOperation::shuffle_up:
    case WarpOperation::shuffle_down:
    case WarpOperation::shuffle_xor:
        exchange(warp, participants);
        break;
    case WarpOperation::ballot:
    {
        unsigned long long votes = 0;
        for_each_lane(participants, [&](unsigned lane) { votes |= (lanes[lane].value != 0 ? 1ull : 0ull) << lane; });
        set_all(votes);
        break;
    }
    case WarpOperation::match_any:
        for_each_lane(participants,
                      [&](unsigned lane)
                      {
                          unsigned equal = 0;
                          for_each_lane(participants, [&](unsigned other)
                                        { equal |= (lanes[other].value == lanes[lane].value ? 1u : 0u) << other; });
                          lanes[lane].result = equal;
                      });
        break;
    case WarpOperation::match_all:
    {
        bool equal = true;
        for_each_lane(participants, [&](unsigned lane) { equal &= lanes[lane].value == lanes[first].value; });
        set_all(equal ? participants : 0);
        break;
    }
    default:
    {
        unsigned long long result = lanes[first].value;
        for_each_lane(participants & ~(1u << first),
                      [&](unsigned lane) { result = combine(operation, result, lanes[lane].value); });
        set_all(result);
        break;
    }
    }
}

void BlockRunner::exchange(unsigned warp, unsigned participants)
{
    Thread* lanes = &threads_[warp * warp_size];
    for_each_lane(participants,
                  [&](unsigned lane)
                  {
                      Thread& thread = lanes[lane];
                      unsigned source = source_lane(thread.operation, lane, thread.argument, thread.width);
                      if ((participants >> source & 1) == 0)
                      {
                          fail(Result::launch_failed,
                               format("shuffle at line %u: lane %u reads lane %u, which takes no part (mask %08x, "
                                      "living lanes %08x)",
                                      thread.line, lane, source, thread.mask, state_->lanes_alive[warp]));
                      }
                      thread.result = lanes[source].value;
                  });
}
}
