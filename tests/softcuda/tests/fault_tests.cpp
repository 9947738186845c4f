// Plants each kind of fault, and checks that the software device names it; and that the correct twin of each kernel goes
// through without a word, in every order of threads.
#include <algorithm>
#include <map>
#include <memory>

#include "support.h"

namespace
{
using namespace softcuda::tests;

constexpr int elements = 64;

// How a planted fault is found.
enum class Found
{
    Fast,     // by every build, at the latest when the context is synchronised
    Checked,  // by the checker only
};

struct Fault
{
    const char* file;
    const char* kernel;
    LaunchShape shape;
    Found found;
    CUresult result;
    // What the report says, and the line of the kernel's source that it names, if it can.
    const char* report;
    bool names_line;
};

constexpr LaunchShape warp = {1, 32, 0};
constexpr LaunchShape block = {1, 64, 0};
constexpr LaunchShape blocks = {2, 32, 0};
constexpr LaunchShape warp_with_shared = {1, 32, 32 * sizeof(float)};

const Fault faults[] = {
    {"memory.cu", "write_past_end", {3, 32, 0}, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "out of bounds", true},
    {"memory.cu", "read_past_end", block, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "out of bounds", true},
    {"memory.cu", "write_one_byte_past_end", warp, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "out of bounds", true},
    {"memory.cu", "write_before_start", warp, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "out of bounds", true},
    {"memory.cu", "write_past_end", {3, 32, 0}, Found::Fast, CUDA_ERROR_ILLEGAL_ADDRESS, "", false},
    {"memory.cu", "write_one_byte_past_end", warp, Found::Fast, CUDA_ERROR_ILLEGAL_ADDRESS, "", false},
    {"memory.cu", "write_before_start", warp, Found::Fast, CUDA_ERROR_ILLEGAL_ADDRESS, "", false},
    {"memory.cu", "write_null", warp, Found::Fast, CUDA_ERROR_ILLEGAL_ADDRESS, "write_null", false},
    {"memory.cu", "write_null", warp, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "not device memory", true},
    {"memory.cu", "misaligned_vector", warp, Found::Checked, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned", true},
    {"memory.cu", "misaligned_scalar", warp, Found::Checked, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned", true},
    {"memory.cu", "read_fresh_memory", warp, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "uninitialised", true},
    {"memory.cu", "read_fresh_shared", warp, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "uninitialised", true},
    {"memory.cu", "read_fresh_dynamic_shared", warp_with_shared, Found::Checked, CUDA_ERROR_LAUNCH_FAILED,
     "uninitialised", true},
    {"memory.cu", "read_shared_of_other_block", blocks, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "uninitialised",
     true},
    {"memory.cu", "index_past_shared_array", warp, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "", true},
    {"memory.cu", "index_past_dynamic_shared", warp_with_shared, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "", true},
    {"races.cu", "missing_barrier", block, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "missing_second_barrier", block, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "write_after_many_reads", block, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "lost_update", block, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "lost_update_of_blocks", blocks, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "plain_read_of_atomic", blocks, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "overlapping_blocks", blocks, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "missing_warp_barrier", warp, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "warp_barrier_for_block", block, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "shuffle_of_other_half", warp, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "last_block_without_fence", blocks, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "counter_set_back_by_all", {8, 32, 0}, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "block_fence_for_grid", {2, 64, 0}, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"races.cu", "handed_on", {3, 32, 0}, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "race", true},
    {"execution.cu", "two_barriers", block, Found::Fast, CUDA_ERROR_LAUNCH_FAILED, "divergent barrier", false},
    {"execution.cu", "exit_before_barrier", block, Found::Fast, CUDA_ERROR_LAUNCH_FAILED, "divergent barrier", false},
    {"execution.cu", "deadlock", warp, Found::Fast, CUDA_ERROR_LAUNCH_FAILED, "deadlock", false},
    {"execution.cu", "lane_outside_its_mask", warp, Found::Fast, CUDA_ERROR_LAUNCH_FAILED, "own mask", false},
    {"execution.cu", "shuffle_from_absent_lane", warp, Found::Fast, CUDA_ERROR_LAUNCH_FAILED, "lane", false},
    {"execution.cu", "failed_assertion", warp, Found::Fast, CUDA_ERROR_ASSERT, "assert(n < 5)", true},
    {"execution.cu", "trap", warp, Found::Fast, CUDA_ERROR_LAUNCH_FAILED, "__trap()", true},
    {"execution.cu", "division_by_zero", warp, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "division by zero", true},
    {"execution.cu", "shift_by_width", block, Found::Checked, CUDA_ERROR_LAUNCH_FAILED, "shift", true},
    {"execution.cu", "index_past_row", block, Found::Checked, CUDA_ERROR_ILLEGAL_ADDRESS, "bounds", true},
};

std::string source_of(const std::string& file)
{
    static std::map<std::string, std::string> sources;
    const char* folder = std::getenv("SOFTCUDA_TESTS");
    require(folder != nullptr, "reading SOFTCUDA_TESTS");
    std::string& source = sources[file];
    if (source.empty())
        source = read_text(std::string(folder) + "/faults/" + file);
    return source;
}

// The kernel's parameters: see the heads of faults/*.cu.
struct Parameters
{
    std::vector<float> values = std::vector<float>(elements, 1.5f);
    Buffer<float> in{values};
    Buffer<float> out{elements};
    Buffer<unsigned> counter{std::vector<unsigned>{0}};

    CUresult run(CUfunction function, LaunchShape shape) const
    {
        const CUresult launched = launch(function, shape, in.pointer, out.pointer, counter.pointer, elements);
        return launched != CUDA_SUCCESS ? launched : cuCtxSynchronize();
    }
};

// Lines of the source that belong to a kernel.
std::pair<int, int> lines_of(const std::string& source, const std::string& kernel)
{
    const size_t start = source.find("void " + kernel + "(");
    require(start != std::string::npos, kernel.c_str());
    const size_t end = source.find("\n}", start);
    const auto line_at = [&](size_t position) {
        return 1 + static_cast<int>(std::count(source.begin(), source.begin() + static_cast<long>(position), '\n'));
    };
    return {line_at(start), line_at(end)};
}

// "memory.cu:12" or "line 12", whichever the report has.
int line_in(const std::string& report, const std::string& file)
{
    for (const std::string& mark : {file + ":", std::string("line ")})
    {
        const size_t found = report.find(mark);
        if (found != std::string::npos)
            return std::atoi(report.c_str() + found + mark.size());
    }

    return 0;
}

void plant(const Fault& fault)
{
    set("CHECK", fault.found == Found::Checked ? "1" : "0");
    const DeviceSession session;
    const LoadedModule module(source_of(fault.file), fault.file);
    const Parameters parameters;
    CHECK_EQUAL(parameters.run(module.function(fault.kernel), fault.shape), fault.result);
    const std::string report = softcuda_report();
    CHECK(!report.empty());
    CHECK_CONTAINS(report, fault.report);
    CHECK_CONTAINS(report, fault.kernel);
    if (fault.names_line)
    {
        const auto [first, last] = lines_of(source_of(fault.file), fault.kernel);
        const int line = line_in(report, fault.file);
        if (line < first || line > last)
            fail(__FILE__, __LINE__, "the report names no line of the kernel: " + report);
    }

    // The context has failed for good.
    CHECK_EQUAL(cuCtxSynchronize(), fault.result);
    CUdeviceptr pointer = 0;
    CHECK_EQUAL(cuMemAlloc(&pointer, 4), fault.result);
}

void run_twin(const Fault& fault)
{
    const std::string kernel = std::string(fault.kernel) + "_right";
    const DeviceSession session;
    const LoadedModule module(source_of(fault.file), fault.file);
    const Parameters parameters;
    CHECK_EQUAL(parameters.run(module.function(kernel), fault.shape), CUDA_SUCCESS);
    CHECK_EQUAL(std::string(softcuda_report()), std::string());
}

const char* const orders[] = {"ascending", "descending", "shuffled"};

void run_twin_in_all_orders(const Fault& fault)
{
    for (const char* check : {"0", "1"})
    {
        set("CHECK", check);
        for (const char* order : orders)
        {
            set("ORDER", order);
            run_twin(fault);
        }
    }

    set("ORDER", "ascending");
}

// Races that no check of the fast build sees change the result with the order of threads.
std::vector<float> result_in_order(const char* kernel, const char* order, int seed)
{
    set("CHECK", "0");
    set("ORDER", order);
    set("SEED", std::to_string(seed));
    const DeviceSession session;
    const LoadedModule module(source_of("races.cu"), "races.cu");
    std::vector<float> values(elements);
    for (int i = 0; i < elements; i++)
        values[static_cast<size_t>(i)] = static_cast<float>(i * i);
    const Buffer<float> in(values);
    const Buffer<float> out(std::vector<float>(elements, 0.0f));
    const Buffer<unsigned> counter(std::vector<unsigned>{0});
    REQUIRE(launch(module.function(kernel), block, in.pointer, out.pointer, counter.pointer, elements));
    std::vector<float> result = out.values();
    // Compared as numbers: NaN of memory that was not yet written must count as different.
    std::replace_if(result.begin(), result.end(), [](float x) { return x != x; }, -1.0f);
    set("ORDER", "ascending");
    return result;
}

bool depends_on_order(const char* kernel)
{
    const std::vector<float> ascending = result_in_order(kernel, "ascending", 1);
    if (result_in_order(kernel, "descending", 1) != ascending)
        return true;
    for (int seed = 1; seed <= 4; seed++)
    {
        if (result_in_order(kernel, "shuffled", seed) != ascending)
            return true;
    }

    return false;
}

void order_shows_races()
{
    for (const char* kernel : {"missing_barrier", "missing_second_barrier", "warp_barrier_for_block"})
    {
        CHECK(depends_on_order(kernel));
        CHECK(!depends_on_order((std::string(kernel) + "_right").c_str()));
    }
}

void fresh_memory_reads_as_nan()
{
    set("CHECK", "0");
    const DeviceSession session;
    for (float value : Buffer<float>(elements).values())
        CHECK(value != value);
}

void freed_memory_faults()
{
    for (const char* check : {"0", "1"})
    {
        set("CHECK", check);
        const DeviceSession session;
        const LoadedModule module(source_of("memory.cu"), "memory.cu");
        Parameters parameters;
        const CUdeviceptr freed = parameters.in.pointer;
        REQUIRE(cuMemFree(freed));
        CHECK_EQUAL(parameters.run(module.function("use_after_free"), warp), CUDA_ERROR_ILLEGAL_ADDRESS);
        CHECK_CONTAINS(softcuda_report(), "freed");
        parameters.in.pointer = 0;
    }
}

void endless_kernel_is_ended()
{
    set("CHECK", "0");
    set("TIMEOUT", "1");
    {
        const DeviceSession session;
        const LoadedModule module(source_of("execution.cu"), "execution.cu");
        const Parameters parameters;
        CHECK_EQUAL(parameters.run(module.function("endless_loop_right"), warp), CUDA_SUCCESS);
        CHECK_EQUAL(parameters.run(module.function("endless_loop"), warp), CUDA_ERROR_LAUNCH_TIMEOUT);
    }

    set("TIMEOUT", "120");
}

// A race of streams: one kernel reads what a copy on another stream brings, with an event between them and without.
void missing_event_shows()
{
    set("CHECK", "0");
    set("DEFER", "1");
    const DeviceSession session;
    CUstream copies = nullptr;
    CUstream kernels = nullptr;
    CUevent copied = nullptr;
    REQUIRE(cuStreamCreate(&copies, CU_STREAM_NON_BLOCKING));
    REQUIRE(cuStreamCreate(&kernels, CU_STREAM_NON_BLOCKING));
    REQUIRE(cuEventCreate(&copied, CU_EVENT_DEFAULT));
    const LoadedModule module("extern \"C\" __global__ void copy(const float* x, float* y) { *y = *x; }", "copy.cu");
    const CUfunction function = module.function("copy");
    const Buffer<float> source(std::vector<float>{1});
    const Buffer<float> target(std::vector<float>{0});
    for (bool with_event : {false, true})
    {
        const float value = with_event ? 3.0f : 2.0f;
        const float before = with_event ? 2.0f : 1.0f;
        REQUIRE(cuMemcpyHtoDAsync(source.pointer, &value, sizeof value, copies));
        if (with_event)
        {
            REQUIRE(cuEventRecord(copied, copies));
            REQUIRE(cuStreamWaitEvent(kernels, copied, 0));
        }

        void* arguments[] = {const_cast<CUdeviceptr*>(&source.pointer), const_cast<CUdeviceptr*>(&target.pointer)};
        REQUIRE(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, kernels, arguments, nullptr));
        REQUIRE(cuStreamSynchronize(kernels));
        REQUIRE(cuStreamSynchronize(copies));
        CHECK_EQUAL(target.values()[0], with_event ? value : before);
    }

    REQUIRE(cuEventDestroy(copied));
    REQUIRE(cuStreamDestroy(copies));
    REQUIRE(cuStreamDestroy(kernels));
}

// The other correct kernels of races.cu, which have no faulty twin of their own.
void correct_forms_are_silent()
{
    run_twin_in_all_orders({"races.cu", "last_block_all_threads_fence", blocks, Found::Checked, CUDA_SUCCESS, "", false});
}

// What blocks publish must not be copied from each to the next: thousands of them are checked in seconds.
void many_blocks_are_checked()
{
    set("CHECK", "1");
    set("TIMEOUT", "60");
    {
        constexpr unsigned grid = 4000;
        const DeviceSession session;
        const LoadedModule module(source_of("races.cu"), "races.cu");
        const Buffer<float> in(std::vector<float>(64, 1.0f));
        const Buffer<float> out(grid * 64);
        const Buffer<unsigned> counter(std::vector<unsigned>{0});
        REQUIRE(launch(module.function("last_block_all_threads_fence_right"), {grid, 64, 0}, in.pointer, out.pointer,
                       counter.pointer, 64));
        CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
        CHECK_EQUAL(in.values()[0] + in.values()[63], 2.0f * grid);
    }

    set("TIMEOUT", "120");
    set("CHECK", "0");
}

}

int main()
{
    std::vector<std::pair<std::string, std::function<void()>>> tests;
    for (const Fault& fault : faults)
    {
        const std::string build = fault.found == Found::Checked ? " (checked)" : "";
        tests.emplace_back(fault.kernel + build, [&fault] { plant(fault); });
    }

    for (const Fault& fault : faults)
        tests.emplace_back(std::string(fault.kernel) + "_right", [&fault] { run_twin_in_all_orders(fault); });
    tests.emplace_back("correct_forms_are_silent", correct_forms_are_silent);
    tests.emplace_back("many_blocks_are_checked", many_blocks_are_checked);
    tests.emplace_back("order_shows_races", order_shows_races);
    tests.emplace_back("fresh_memory_reads_as_nan", fresh_memory_reads_as_nan);
    tests.emplace_back("freed_memory_faults", freed_memory_faults);
    tests.emplace_back("endless_kernel_is_ended", endless_kernel_is_ended);
    tests.emplace_back("missing_event_shows", missing_event_shows);
    return run_tests(tests);
}
