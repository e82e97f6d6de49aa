// Mask of a photo from an exported file, with OpenVINO alone; it reads model.xml and model.onnx.
//
//   predict model.xml bg.ppm photo.ppm mask.pgm
//
// Build it with CMake: find_package(OpenVINO REQUIRED COMPONENTS Runtime), target_link_libraries(predict PRIVATE
// openvino::runtime). `pip install openvino` brings the headers and libraries, too.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <openvino/openvino.hpp>
#include <stdexcept>
#include <string>
#include <vector>

struct Picture {
    size_t w = 0, h = 0;
    std::vector<uint8_t> rgb;
};

Picture read(const std::string& path) {  // binary PPM, 8 bits
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    Picture found;
    size_t most = 0;
    file >> kind >> found.w >> found.h >> most;
    if (!file || kind != "P6" || most != 255) throw std::runtime_error(path + " is no binary PPM of 8 bits");
    file.get();
    found.rgb.resize(found.w * found.h * 3);
    if (!file.read(reinterpret_cast<char*>(found.rgb.data()), found.rgb.size()))
        throw std::runtime_error(path + " is cut short");
    return found;
}

ov::Tensor tensor(const Picture& picture) {  // (1, 3, h, w), values in [0, 1]
    const size_t pixels = picture.h * picture.w;
    ov::Tensor made(ov::element::f32, {1, 3, picture.h, picture.w});
    float* values = made.data<float>();
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++) values[c * pixels + i] = picture.rgb[3 * i + c] / 255.0f;
    return made;
}

int main(int count, char** words) try {
    if (count != 5) throw std::runtime_error("give model.xml bg.ppm photo.ppm mask.pgm");
    const Picture bg = read(words[2]), photo = read(words[3]);
    if (bg.w != photo.w || bg.h != photo.h) throw std::runtime_error("both pictures must have one size");
    ov::Core core;
    auto request = core.compile_model(words[1], "CPU", ov::hint::inference_precision(ov::element::f32))
                       .create_infer_request();
    for (const auto& input : request.get_compiled_model().inputs())
        request.set_tensor(input, tensor(input.get_any_name() == "bg" ? bg : photo));
    request.infer();
    const ov::Tensor found = request.get_tensor("mask");
    const float* mask = found.data<float>();
    std::ofstream file(words[4], std::ios::binary);
    file << "P5\n" << photo.w << " " << photo.h << "\n255\n";
    for (size_t i = 0; i < photo.w * photo.h; i++) {
        const float value = std::clamp(mask[i], 0.0f, 1.0f);  // an export with --outputs logits needs its sigmoid first
        file.put(static_cast<char>(std::lround(255 * value)));
    }
    if (!file.flush()) throw std::runtime_error(std::string(words[4]) + " could not be written");
} catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 2;
}
