# Writes OUTPUT: a C++ file with the headers of device/ as one text. HEADERS is a list in the order of inclusion.
set(text "")
foreach(header IN LISTS HEADERS)
  file(READ "${header}" content)
  get_filename_component(name "${header}" NAME)
  string(REPLACE "#pragma once\n" "\n" content "${content}")
  string(REGEX REPLACE "#include \"[^\"\n]*\"\n" "\n" content "${content}")
  string(APPEND text "    R\"softcuda(#line 1 \"softcuda/${name}\"\n${content})softcuda\"\n")
endforeach()
file(WRITE "${OUTPUT}"
"#include \"shim_text.h\"

namespace softcuda::nvrtc
{

const std::string& shim_text()
{
    static const std::string text =
${text};
    return text;
}

}
")
