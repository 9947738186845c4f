// The switches of the software device: SOFTCUDA_<KEY> in the environment, softcuda_set afterwards.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>

namespace softcuda
{
enum class Order : int
{
    ascending,
    descending,
    shuffled,
};

// Values are read while kernels run on other threads, so each is atomic.
struct Settings
{
    std::atomic<Order> order{Order::ascending};
    std::atomic<uint64_t> seed{1};
    std::atomic<bool> defer{true};
    std::atomic<bool> check{false};
    std::atomic<bool> quiet{false};
    std::atomic<uint64_t> memory{8ull << 30};  // bytes a device has
    std::atomic<int> devices{2};
    std::atomic<int> capability{90};
    std::atomic<int> driver_version{13000};
    std::atomic<int> threads{1};
    std::atomic<int> timeout{120};  // seconds a kernel may run

    // Faults to come: see take_launch_failure and take_alloc_failure.
    std::atomic<int> fail_launch_device{-1};
    std::atomic<long> fail_launch_countdown{0};
    std::atomic<int> fail_launch_result{0};
    std::atomic<long> fail_alloc_countdown{0};
};

Settings& settings();

// Sets a key; false for an unknown key or a value it cannot have.
bool set_setting(const std::string& key, const std::string& value);

// The present value of a key; false for an unknown key.
bool get_setting(const std::string& key, std::string& value);

// Counts a launch on a device; the result that FAIL_LAUNCH wants for this one, or 0.
int take_launch_failure(int device);

// Counts an allocation; true where FAIL_ALLOC wants this one to fail.
bool take_alloc_failure();
}
