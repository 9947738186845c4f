#include "kernel_scan.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "compile_error.h"

namespace softcuda::nvrtc
{
namespace
{

bool is_word_start(char c)
{
    return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}

bool is_word_part(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool is_space(char c)
{
    return std::isspace(static_cast<unsigned char>(c));
}

std::string trimmed(const std::string& text)
{
    size_t first = 0;
    size_t last = text.size();
    while (first < last && is_space(text[first]))
        first++;
    while (last > first && is_space(text[last - 1]))
        last--;
    return text.substr(first, last - first);
}

// The scopes that enclose the reading position, since a kernel is named from the end of the file and a declaration
// of shared memory means something else inside a function.
struct Scope
{
    enum class Kind
    {
        LinkageBlock,
        Namespace,
        Other
    };

    Kind kind;
    std::string name;
};

class Scanner
{
public:
    explicit Scanner(const std::string& source) : in(source)
    {
        result.text.reserve(source.size() + source.size() / 8);
    }

    ScannedSource run()
    {
        while (at < in.size())
            step();
        return std::move(result);
    }

private:
    const std::string& in;
    size_t at = 0;
    ScannedSource result;
    std::vector<Scope> scopes;

    int line = 1;
    std::string file;
    bool at_line_start = true;

    // What the declaration that is being read has said so far.
    bool after_extern_c = false;
    bool in_template = false;
    bool is_kernel = false;
    std::string max_threads;
    std::string min_blocks;
    std::string previous_word;
    bool in_namespace_head = false;
    std::string namespace_name;

    void step()
    {
        const char c = in[at];
        if (c == '#' && at_line_start)
            return read_line_marker();
        if (c == '\n')
        {
            line++;
            at_line_start = true;
            return copy(1);
        }

        if (!is_space(c))
            at_line_start = false;
        if (c == '"' || c == '\'')
            return read_literal();
        if (is_word_start(c))
            return read_word();
        if (std::isdigit(static_cast<unsigned char>(c)))
            return copy(number_length());
        read_punctuation(c);
    }

    void copy(size_t length)
    {
        result.text.append(in, at, length);
        at += length;
    }

    // # 12 "relu.cu" 2
    void read_line_marker()
    {
        size_t end = in.find('\n', at);
        if (end == std::string::npos)
            end = in.size();
        const std::string marker = in.substr(at, end - at);
        char* rest = nullptr;
        const long number = std::strtol(marker.c_str() + 1, &rest, 10);
        const size_t open = marker.find('"');
        const size_t close = marker.rfind('"');
        if (rest != marker.c_str() + 1 && open != close)
        {
            line = static_cast<int>(number) - 1;
            file = marker.substr(open + 1, close - open - 1);
        }

        copy(end - at);
    }

    size_t literal_end(size_t from) const
    {
        const char quote = in[from];
        size_t end = from + 1;
        while (end < in.size() && in[end] != quote && in[end] != '\n')
            end += in[end] == '\\' ? 2 : 1;
        return std::min(end + 1, in.size());
    }

    void read_literal()
    {
        const size_t end = literal_end(at);
        if (previous_word == "extern" && in.compare(at, end - at, "\"C\"") == 0)
            after_extern_c = true;
        copy(end - at);
    }

    // Digit separators look like character literals: 1'000.
    size_t number_length() const
    {
        size_t end = at;
        while (end < in.size() && (is_word_part(in[end]) || in[end] == '.' || (in[end] == '\'' && end + 1 < in.size() && is_word_part(in[end + 1]))))
            end++;
        return end - at;
    }

    std::string word_at(size_t position) const
    {
        size_t end = position;
        while (end < in.size() && is_word_part(in[end]))
            end++;
        return in.substr(position, end - position);
    }

    size_t skip_space(size_t position) const
    {
        while (position < in.size() && is_space(in[position]))
            position++;
        return position;
    }

    // The position after the bracket that closes the one at this position.
    size_t skip_brackets(size_t position) const
    {
        int depth = 0;
        while (position < in.size())
        {
            const char c = in[position];
            if (c == '"' || c == '\'')
            {
                position = literal_end(position);
                continue;
            }

            if (c == '(' || c == '[' || c == '{')
                depth++;
            if ((c == ')' || c == ']' || c == '}') && --depth == 0)
                return position + 1;
            position++;
        }

        fail("a bracket is not closed");
    }

    [[noreturn]] void fail(const std::string& message) const
    {
        throw CompileError(file + "(" + std::to_string(line) + "): error: " + message + "\n");
    }

    // Moves over text that is replaced, and keeps its line breaks so that later errors name the right line.
    void drop_until(size_t end)
    {
        for (; at < end; at++)
        {
            if (in[at] != '\n')
                continue;
            line++;
            result.text += '\n';
        }
    }

    void read_word()
    {
        const std::string word = word_at(at);
        const size_t after = at + word.size();
        if (word == "__global__")
        {
            is_kernel = true;
            at = after;
        }
        else if (word == "__launch_bounds__")
            read_launch_bounds(after);
        else if (word == "__shared__")
            read_static_shared(after);
        else if (word == "extern" && word_at(skip_space(after)) == "__shared__")
            read_dynamic_shared(after);
        else if (is_kernel && is_kernel_name(word, after))
            read_kernel_name(word);
        else
            read_other_word(word);
        previous_word = word;
    }

    void read_other_word(const std::string& word)
    {
        if (word == "template")
            in_template = true;
        if (word == "namespace")
        {
            in_namespace_head = true;
            namespace_name.clear();
        }
        else if (in_namespace_head)
            namespace_name += (namespace_name.empty() ? "" : "::") + word;
        copy(word.size());
    }

    // __launch_bounds__(256, 2): threads of a block, and blocks that a multiprocessor should hold.
    void read_launch_bounds(size_t after)
    {
        const size_t open = skip_space(after);
        if (open >= in.size() || in[open] != '(')
            fail("__launch_bounds__ needs its arguments");
        const size_t end = skip_brackets(open);
        const size_t first_end = argument_end(open + 1, end - 1);
        const size_t second = std::min(first_end + 1, end - 1);
        max_threads = trimmed(in.substr(open + 1, first_end - open - 1));
        min_blocks = trimmed(in.substr(second, argument_end(second, end - 1) - second));
        drop_until(end);
    }

    // The comma that ends the argument which starts at this position, or the end of all arguments.
    size_t argument_end(size_t from, size_t end) const
    {
        int depth = 0;
        for (; from < end; from++)
        {
            const char c = in[from];
            if (c == '(' || c == '<')
                depth++;
            if (c == ')' || c == '>')
                depth--;
            if (c == ',' && depth == 0)
                break;
        }

        return from;
    }

    bool is_in_function() const
    {
        return !scopes.empty() && scopes.back().kind == Scope::Kind::Other;
    }

    // The alignment has to stand before the storage class for g++.
    void read_static_shared(size_t after)
    {
        if (previous_word == "extern")
            fail("extern __shared__ must be written in this order");
        const bool has_static = previous_word == "static";
        const size_t next = skip_space(after);
        drop_until(after);
        if (word_at(next) == "alignas")
        {
            drop_until(next);
            copy(skip_brackets(skip_space(next + std::string("alignas").size())) - next);
            result.text += ' ';
        }

        result.text += has_static ? "thread_local" : "static thread_local";
    }

    // extern __shared__ T name[]; where T may be preceded by an alignment.
    void read_dynamic_shared(size_t after_extern)
    {
        const size_t start = skip_space(after_extern) + std::string("__shared__").size();
        const size_t end = in.find(';', start);
        if (end == std::string::npos)
            fail("a declaration is not ended");
        const size_t bracket = in.rfind('[', end);
        if (bracket == std::string::npos || bracket < start || in[skip_space(bracket + 1)] != ']')
            fail("extern __shared__ declares an array of no given size");

        const std::string declarator = trimmed(in.substr(start, bracket - start));
        size_t name_start = declarator.size();
        while (name_start > 0 && is_word_part(declarator[name_start - 1]))
            name_start--;
        const std::string name = declarator.substr(name_start);
        const std::string type = without_alignment(declarator.substr(0, name_start));
        if (name.empty() || type.empty())
            fail("extern __shared__ declares an array of no given size");

        if (is_in_function())
            result.text += type + "* const " + name + " = static_cast<" + type + "*>(softcuda::dynamic_shared())";
        else
            result.text += "static const softcuda::DynamicShared<" + type + "> " + name;
        drop_until(end);
    }

    // Dynamic shared memory is aligned for every type, so that the alignment asked for need not be kept.
    std::string without_alignment(const std::string& declaration) const
    {
        std::string text = declaration;
        for (const std::string attribute : {"alignas", "__attribute__"})
        {
            for (size_t start = text.find(attribute); start != std::string::npos; start = text.find(attribute))
            {
                size_t end = text.find('(', start);
                int depth = 0;
                for (; end < text.size(); end++)
                {
                    if (text[end] == '(')
                        depth++;
                    if (text[end] == ')' && --depth == 0)
                        break;
                }

                text.erase(start, end + 1 - start);
            }
        }

        return trimmed(text);
    }

    // A kernel's name is what stands before its parameters: void name(...).
    bool is_kernel_name(const std::string& word, size_t after) const
    {
        const size_t next = skip_space(after);
        return next < in.size() && in[next] == '(' && word != "__attribute__" && word != "alignas" && word != "noexcept";
    }

    void read_kernel_name(const std::string& word)
    {
        const size_t parameters = skip_space(at + word.size());
        const size_t body = skip_space(skip_brackets(parameters));
        // A declaration without a body names a kernel that is defined elsewhere in the file.
        if (body < in.size() && in[body] == '{')
            add_kernel(word);
        copy(word.size());
        is_kernel = false;
    }

    void add_kernel(const std::string& word)
    {
        KernelDeclaration kernel;
        kernel.has_c_linkage = after_extern_c;
        for (const Scope& scope : scopes)
        {
            kernel.has_c_linkage |= scope.kind == Scope::Kind::LinkageBlock;
            if (scope.kind == Scope::Kind::Namespace && !scope.name.empty())
                kernel.name += scope.name + "::";
        }

        kernel.name += word;
        kernel.is_template = in_template;
        kernel.max_threads = max_threads;
        kernel.min_blocks = min_blocks;
        kernel.line = line;
        kernel.file = file;
        result.kernels.push_back(kernel);
    }

    void read_punctuation(char c)
    {
        if (c == '{')
            open_scope();
        else if (c == '}')
            close_scope();
        else if (c == ';')
            end_declaration();
        if (!is_space(c) && c != '*' && c != '&')
            previous_word.clear();
        copy(1);
    }

    void open_scope()
    {
        Scope scope{Scope::Kind::Other, ""};
        if (in_namespace_head)
            scope = {Scope::Kind::Namespace, namespace_name};
        else if (after_extern_c && ends_with_linkage())
            scope.kind = Scope::Kind::LinkageBlock;
        scopes.push_back(scope);
        end_declaration();
    }

    bool ends_with_linkage() const
    {
        size_t end = result.text.size();
        while (end > 0 && is_space(result.text[end - 1]))
            end--;
        return end >= 3 && result.text.compare(end - 3, 3, "\"C\"") == 0;
    }

    void close_scope()
    {
        if (scopes.empty())
            fail("unexpected }");
        scopes.pop_back();
        end_declaration();
    }

    void end_declaration()
    {
        after_extern_c = false;
        in_template = false;
        in_namespace_head = false;
        is_kernel = false;
        max_threads.clear();
        min_blocks.clear();
    }
};

}

ScannedSource scan_kernels(const std::string& preprocessed)
{
    return Scanner(preprocessed).run();
}

}
