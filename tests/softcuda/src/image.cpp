#include "image.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace softcuda
{
namespace
{
constexpr char cubin_magic[8] = {'S', 'O', 'F', 'T', 'C', 'U', 'B', 'N'};
constexpr char ptx_start[] = "//\n// PTX of the software CUDA device\n//\n";
constexpr char ptx_marker[] = "// softcuda ";

struct CubinHeader
{
    char magic[8];
    uint32_t architecture;
    uint32_t toolkit;
    uint32_t checked;
    uint32_t reserved;
    uint64_t size;
    uint64_t hash;
};

// FNV-1a: enough to notice damage, which is all it is for.
uint64_t hash_of(const std::string& bytes)
{
    uint64_t hash = 14695981039346656037ull;
    for (unsigned char byte : bytes)
    {
        hash = (hash ^ byte) * 1099511628211ull;
    }
    return hash;
}

constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr size_t bytes_per_line = 57;  // 76 digits

void append_base64(std::string& text, const unsigned char* bytes, size_t count)
{
    for (size_t i = 0; i < count; i += 3)
    {
        unsigned group = bytes[i] << 16;
        group |= i + 1 < count ? bytes[i + 1] << 8 : 0;
        group |= i + 2 < count ? bytes[i + 2] : 0;
        text += base64_digits[group >> 18];
        text += base64_digits[(group >> 12) & 63];
        text += i + 1 < count ? base64_digits[(group >> 6) & 63] : '=';
        text += i + 2 < count ? base64_digits[group & 63] : '=';
    }
}

int base64_value(char digit)
{
    const char* found = digit != '\0' ? std::strchr(base64_digits, digit) : nullptr;
    return found != nullptr ? static_cast<int>(found - base64_digits) : -1;
}

std::string write_cubin(const Image& image)
{
    CubinHeader header{};
    std::memcpy(header.magic, cubin_magic, sizeof header.magic);
    header.architecture = static_cast<uint32_t>(image.architecture);
    header.toolkit = static_cast<uint32_t>(image.toolkit);
    header.checked = image.checked ? 1 : 0;
    header.size = image.object.size();
    header.hash = hash_of(image.object);
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    return bytes + image.object;
}

std::string write_ptx(const Image& image)
{
    char head[256];
    std::snprintf(head, sizeof head, "%s.target sm_%d\n.address_size 64\n%s%d %d %d %zu %016llx\n", ptx_start,
                  image.architecture, ptx_marker, image.architecture, image.toolkit, image.checked ? 1 : 0,
                  image.object.size(), static_cast<unsigned long long>(hash_of(image.object)));
    std::string text = head;
    text.reserve(text.size() + image.object.size() * 3 / 2);
    for (size_t i = 0; i < image.object.size(); i += bytes_per_line)
    {
        size_t count = std::min(bytes_per_line, image.object.size() - i);
        text += "// ";
        append_base64(text, reinterpret_cast<const unsigned char*>(image.object.data()) + i, count);
        text += '\n';
    }
    text += '\0';
    return text;
}

ImageStatus read_cubin(const char* data, Image& image)
{
    CubinHeader header;
    std::memcpy(&header, data, sizeof header);
    image.kind = ImageKind::cubin;
    image.architecture = static_cast<int>(header.architecture);
    image.toolkit = static_cast<int>(header.toolkit);
    image.checked = header.checked != 0;
    image.object.assign(data + sizeof header, header.size);
    return hash_of(image.object) == header.hash ? ImageStatus::good : ImageStatus::invalid_image;
}

ImageStatus read_ptx(const char* text, Image& image)
{
    const char* marker = std::strstr(text, ptx_marker);
    int checked = 0;
    size_t size = 0;
    unsigned long long hash = 0;
    if (marker == nullptr || std::sscanf(marker + sizeof ptx_marker - 1, "%d %d %d %zu %llx", &image.architecture,
                                         &image.toolkit, &checked, &size, &hash) != 5)
    {
        return ImageStatus::invalid_ptx;
    }
    image.kind = ImageKind::ptx;
    image.checked = checked != 0;
    image.object.clear();
    const char* line = std::strchr(marker, '\n');
    while (line != nullptr && std::strncmp(line, "\n// ", 4) == 0)
    {
        unsigned group = 0;
        int bits = 0;
        const char* digit = line + 4;
        for (int value; (value = base64_value(*digit)) >= 0; digit++)
        {
            group = (group << 6 | static_cast<unsigned>(value)) & 0xffffff;
            bits += 6;
            if (bits >= 8)
            {
                bits -= 8;
                image.object += static_cast<char>(group >> bits);
            }
        }
        line = std::strchr(digit, '\n');
    }
    bool whole = image.object.size() == size && hash_of(image.object) == hash;
    return whole ? ImageStatus::good : ImageStatus::invalid_ptx;
}
}

std::string write_image(const Image& image)
{
    return image.kind == ImageKind::cubin ? write_cubin(image) : write_ptx(image);
}

ImageStatus read_image(const void* data, Image& image)
{
    const char* bytes = static_cast<const char*>(data);
    if (std::memcmp(bytes, cubin_magic, sizeof cubin_magic) == 0)
    {
        return read_cubin(bytes, image);
    }
    if (std::strncmp(bytes, ptx_start, sizeof ptx_start - 1) == 0)
    {
        return read_ptx(bytes, image);
    }
    // The driver takes what is not a binary for PTX text.
    bool text = (bytes[0] >= ' ' && bytes[0] <= '~') || bytes[0] == '\n' || bytes[0] == '\r' || bytes[0] == '\t';
    return text ? ImageStatus::invalid_ptx : ImageStatus::invalid_image;
}
}
