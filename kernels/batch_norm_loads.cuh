// Loads that are under way together. A thread that uses what it has loaded before it loads more waits for memory at every
// visit, and its multiprocessor has too few bytes under way to keep the memory busy.
#pragma once
#include "common.cuh"

// What a thread loads in its next visits, AT_ONCE of them together. Visits know how many are left, the offset of the next
// one, and how to advance to the one after it; load(visits) is what the next one reads.
template <int AT_ONCE, typename Visits, typename Load, typename Loaded>
struct Loads
{
    Visits& visits;
    Load load;
    int count;
    int64 offsets[AT_ONCE];
    Loaded loaded[AT_ONCE];

    // What has no visits at all loads at its offset nevertheless.
    __device__ Loads(Visits& visits, Load load) : visits(visits), load(load) { load_together(); }

    __device__ bool load_next()
    {
        if (visits.left == 0)
            return false;
        load_together();
        return true;
    }

    // use(loaded, offset) for every visit, in their order.
    template <typename Use>
    __device__ void for_each(Use use) const
    {
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            if (i < count)
                use(loaded[i], offsets[i]);
        }
    }

private:
    // A load under a condition would be a branch, and part it from the others: in place of what lies behind the last visit,
    // that is loaded again.
    __device__ void load_together()
    {
        count = visits.left < AT_ONCE ? visits.left : AT_ONCE;
#pragma unroll
        for (int i = 0; i < AT_ONCE; i++)
        {
            offsets[i] = visits.offset;
            loaded[i] = load(visits);
            visits.advance(i + 1 < visits.left);
        }

        visits.left -= count;
    }
};

template <int AT_ONCE, typename Visits, typename Load>
__device__ inline auto loads_of(Visits& visits, Load load)
{
    return Loads<AT_ONCE, Visits, Load, decltype(load(visits))>(visits, load);
}
