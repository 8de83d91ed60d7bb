// Cells that take up oxygen and secrete a signal, with steady fields: prints what a test compares.
//
//     main COMMAND PLANES DIFFUSIVITY [SUBSTRATE]
//
// Three steps, and between them a tenth of the time after which fields are found anew. Before the
// third, all cells take up twice as much.

#include "custom_modules/steady_fields.h"

#include <cstdlib>
#include <iostream>

using namespace BioFVM;
using namespace PhysiCell;

const double STEP = 0.1;

void print(const char* name, const std::vector<double>& numbers) {
    std::cout << name;
    for (double number : numbers)
        std::cout << " " << number;
    std::cout << std::endl;
}

void advance() {
    Microenvironment& M = microenvironment;
    M.simulate_diffusion_decay(STEP);
    update_all_cells(STEP);
    for (int k = 0; k < 2; k++) {
        std::vector<double> values;
        for (unsigned int n = 0; n < M.mesh.voxels.size(); n++)
            values.push_back(M(n)[k]);
        print(M.density_names[k].c_str(), values);
    }
    std::vector<double> internalized(2);
    for (Cell* cell : *all_cells)
        for (int k = 0; k < 2; k++)
            internalized[k] += cell->internalized[k];
    print("internalized", internalized);
}

int main(int, char** words) {
    std::cout.precision(17);
    Microenvironment& M = microenvironment;
    int nx = 7, ny = 5, nz = std::atoi(words[2]);
    M.resize(nx, ny, nz, 2);
    M.density_names = {"oxygen", "a signal"};
    M.diffusion_coefficients = {std::atof(words[3]), 1000.0};
    M.decay_rates = {0.1, 0.5};
    M.diffusion_decay_solver = halves;
    for (int n = 0; n < ny * nz; n++)
        M.update_dirichlet_node(n * nx, 0, 38.0);  // at x = 0, of oxygen alone
    std::vector<double> voxels;
    for (int k = 0; k < 12; k++) {
        Cell* cell = new Cell;
        cell->voxel = (k * 11) % (nx * ny * nz);
        cell->phenotype.secretion = {{0.0, 2.0}, {10.0, 1.0}, {38.0, 5.0}, {0.0, 3000.0}};
        cell->internalized.assign(2, 0.0);
        cell->is_out_of_domain = k == 11;
        all_cells->push_back(cell);
        if (k < 11)
            voxels.push_back(cell->voxel);
    }
    print("voxels", voxels);
    try {
        std::vector<std::string> names;
        if (words[4])
            names.push_back(words[4]);
        diffkeras::use_steady_fields(words[1], 2 * STEP, 1e-10, names);
        advance();
        for (Cell* cell : *all_cells)
            cell->phenotype.secretion.uptake_rates[0] = 20.0;
        advance();
        advance();
    } catch (const std::exception& error) {
        std::cout << error.what() << std::endl;
        return 1;
    }
    return 0;
}
